import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import minicnn as mc
from minicnn.checks import ArgumentError, DtypeError, ShapeError
from minicnn.data import ConcatDataset, Subset, TensorDataset, random_split, stratified_split

FRACTIONS = st.lists(st.integers(0, 20), min_size=1, max_size=5).filter(any)


def sizes(parts):
    return [len(p) for p in parts]


@given(lengths=st.lists(st.integers(0, 9), min_size=1, max_size=5), seed=st.integers(0, 9))
def test_random_split_by_lengths(lengths, seed):
    n = sum(lengths)
    if n == 1:
        lengths, n = [2, 3], 5  # lengths that add up to 1 are fractions, as in PyTorch
    parts = random_split(range(n), lengths, mc.Generator(seed))
    assert sizes(parts) == lengths
    assert sorted(i for p in parts for i in p) == list(range(n))
    again = random_split(range(n), lengths, generator=mc.Generator(seed))
    assert [p.indices for p in parts] == [p.indices for p in again]


def test_random_split_is_random():
    a, _ = random_split(range(100), [50, 50], mc.Generator(0))
    b, _ = random_split(range(100), [50, 50], mc.Generator(1))
    assert list(a) != list(b) and list(a) != sorted(a)
    mc.manual_seed(3)
    first = list(random_split(range(100), [50, 50])[0])
    assert list(random_split(range(100), [50, 50])[0]) != first
    mc.manual_seed(3)
    assert list(random_split(range(100), [50, 50])[0]) == first


@pytest.mark.parity
@pytest.mark.filterwarnings("ignore:.*ength")
@given(n=st.integers(0, 60), shares=FRACTIONS)
def test_random_split_by_fractions_has_pytorchs_lengths(n, shares):
    torch_data = pytest.importorskip("torch").utils.data
    fractions = [s / sum(shares) for s in shares]
    if sum(fractions) > 1:  # which PyTorch refuses by a rounding error
        fractions = [0.25, 0.75]
    assert sizes(random_split(range(n), fractions)) == sizes(
        torch_data.random_split(range(n), fractions)
    )


def test_random_split_allows_for_rounding():
    fractions = [0.7, 0.1, 0.1, 0.1]
    assert sum(fractions[::-1]) != 1 or sum(fractions) != 1
    assert sizes(random_split(range(10), fractions)) == [7, 1, 1, 1]
    assert sizes(random_split(range(10), fractions[::-1])) == [1, 1, 1, 7]
    assert sizes(random_split(range(11), [np.float32(0.5), 0.5])) == [6, 5]


def test_random_split_warns_and_refuses():
    with pytest.warns(UserWarning, match=r"part 1 of 3 samples has length 0"):
        random_split(range(3), [0.99, 0.01])
    with pytest.raises(ArgumentError, match=r"lengths \[3, 4\] add up to 7; expected 10"):
        random_split(range(10), [3, 4])
    with pytest.raises(ArgumentError, match=r"\[0.5, 0.6\] add up to 1.1; .* or fractions that"):
        random_split(range(10), [0.5, 0.6])
    with pytest.raises(ArgumentError, match=r"at least 0, got \[-2, 12\]"):
        random_split(range(10), [-2, 12])
    with pytest.raises(ArgumentError, match=r"at least 0"):
        random_split(range(10), [float("nan"), 12])
    with pytest.raises(DtypeError, match=r"whole numbers, or fractions .*\[0.5, 9.5\]"):
        random_split(range(10), [0.5, 9.5])
    with pytest.raises(DtypeError, match=r"lengths must be integers or fractions, got 'a' \(str\)"):
        random_split(range(10), ["a", 9])
    with pytest.raises(DtypeError, match=r"random_split: generator must be .*got int; minicnn.Gen"):
        random_split(range(10), [5, 5], 0)


@given(
    counts=st.lists(st.integers(0, 30), min_size=1, max_size=6).filter(lambda c: sum(c) > 1),
    fraction=st.floats(0.01, 0.99),
    seed=st.integers(0, 5),
)
def test_stratified_split_keeps_the_shares(counts, fraction, seed):
    labels = np.random.default_rng(seed).permutation(np.repeat(np.arange(len(counts)), counts))
    n = len(labels)
    if not 0 < round(fraction * n) < n:
        with pytest.raises(ArgumentError, match=r"leaves one part empty"):
            stratified_split(labels, fraction)
        return
    parts = stratified_split(labels, fraction, mc.Generator(seed))
    assert sorted(parts[0].indices + parts[1].indices) == list(range(n))
    assert all(p.indices == sorted(p.indices) for p in parts)
    assert len(parts[1]) == round(fraction * n)
    in_second = np.bincount(list(parts[1]), minlength=len(counts))
    assert np.all(np.abs(in_second - fraction * np.array(counts)) < 1)
    again = stratified_split(labels, fraction, mc.Generator(seed))
    assert parts[1].indices == again[1].indices


def test_stratified_split_is_random_within_a_class():
    chosen = {tuple(stratified_split([0] * 20, 0.5, mc.Generator(s))[1].indices) for s in range(5)}
    assert len(chosen) == 5


def test_stratified_split_finds_the_labels():
    class WithTargets(list):
        targets = mc.tensor([0, 1, 0, 1])

    pixels, labels = mc.rand(4, 2), mc.tensor([0, 1, 0, 1])
    whole = TensorDataset(pixels, labels)
    for data in (WithTargets("abcd"), whole, labels, labels.numpy(), [0, 1, 0, 1]):
        first, second = stratified_split(data, 0.5)
        assert first.dataset is data
        for part in (first, second):
            assert sorted(labels.array[part.indices]) == [0, 1]
    # Labels 1, 1, 0, 0 in the order of the subset.
    for i in range(5):
        part = stratified_split(Subset(whole, [3, 1, 2, 0]), 0.5, mc.Generator(i))[0]
        assert sorted(int(label) for _, label in part) == [0, 1]
    joined = stratified_split(ConcatDataset([whole, TensorDataset(mc.full((4,), 7))]), 0.5)[1]
    assert len([i for i in joined.indices if i >= 4]) == 2


def test_stratified_split_refuses():
    labels = [0, 1, 0, 1]
    for wrong in (0, 1, -0.1, 1.5, float("nan"), "half", None):
        with pytest.raises(ArgumentError, match=r"fraction must be between 0 and 1, got"):
            stratified_split(labels, wrong)
    for empty in ([], TensorDataset(mc.zeros(0)), Subset(labels, [])):
        with pytest.raises(ArgumentError, match=r"stratified_split: the data set is empty"):
            stratified_split(empty, 0.5)
    with pytest.raises(DtypeError, match=r"range has no .targets .* Subset\(dataset, a.indices\)"):
        stratified_split(range(4), 0.5)
    with pytest.raises(DtypeError, match=r"labels must be integers, got float64"):
        stratified_split([0.5, 1.5], 0.5)
    with pytest.raises(ShapeError, match=r"one label a sample, .*; got \(2, 3\)"):
        stratified_split(np.zeros((2, 3), int), 0.5)
    with pytest.raises(DtypeError, match=r"stratified_split: generator must be"):
        stratified_split(labels, 0.5, 1)
