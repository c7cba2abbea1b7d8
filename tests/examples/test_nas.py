"""Architecture search: the space of cells, their training, random search."""

import doctest
import itertools

import evaluate
import journal
import numpy as np
import pytest
import random_search
import report
import space

import minicnn as mc
import minicnn.nn.functional as F

TINY = space.Space(
    {"op": ("conv", "max_pool"), "kernel_size": (3,), "width": (2, 3, 4), "stride": (1, 2)}, 1
)
LAYERS = list(itertools.product(*space.SPACE.choices.values()))


# ------------------------------------------------------------------ the space


def test_the_space_has_each_cell_once():
    cells = list(space.SPACE)
    assert len(cells) == len(space.SPACE) == len(set(cells)) == 36**2
    for cell in cells[::17]:
        assert space.SPACE.cell(space.SPACE.numbers(cell)) == cell
    assert len({tuple(space.SPACE.numbers(cell)) for cell in cells}) == len(cells)


def test_cells_are_drawn_evenly():
    rng, drawn = np.random.default_rng(0), 6000
    counts = np.zeros(len(TINY))
    cells = list(TINY)
    for _ in range(drawn):
        counts[cells.index(TINY.sample(rng))] += 1
    expected = drawn / len(TINY)
    assert ((counts - expected) ** 2 / expected).sum() < 31.3  # χ² with 11 degrees, p = 0.001


@pytest.mark.parametrize("first", LAYERS, ids=lambda answers: "-".join(map(str, answers)))
def test_every_cell_builds_and_takes_a_step(first, few_parts):
    x, y = few_parts.training.take(range(2))
    for second in LAYERS:
        cell = (space.Layer(*first), space.Layer(*second))
        model = space.CellNetwork(cell)
        loss = F.cross_entropy(model(x), y)
        loss.backward()
        assert np.isfinite(loss.item())
        assert all(p.grad is not None for p in model.parameters())
        assert np.abs(model.classifier.weight.grad.numpy()).max() > 0
        mc.optim.SGD(model.parameters(), 0.1).step()
        assert all(np.isfinite(p.array).all() for p in model.parameters())


def test_a_cell_makes_the_layers_it_names():
    cell = (space.Layer("separable", 5, 4, 2), space.Layer("max_pool", 3, 2, 1))
    model = space.CellNetwork(cell)
    shapes = [tuple(p.shape) for p in model.parameters() if p.ndim == 4]
    assert shapes == [
        *((8, 1, 3, 3), (8, 1, 5, 5), (4, 8, 1, 1), (2, 4, 1, 1)),
        *((2, 1, 5, 5), (4, 2, 1, 1), (2, 4, 1, 1)),
    ]
    x = model.stem(mc.randn(2, 1, 14, 14))
    sizes = []
    for part in model.cells:
        for layer in part:
            x = layer(x)
            sizes.append(x.shape[1:])
    assert sizes == [(4, 7, 7), (2, 7, 7), (4, 4, 4), (2, 4, 4)]


def test_a_space_needs_all_questions_and_an_operation_must_exist():
    with pytest.raises(mc.checks.ArgumentError, match="op, kernel_size, width, stride, in this"):
        space.Space({"op": ("conv",), "width": (2,)}, 1)
    with pytest.raises(mc.checks.ArgumentError, match="called 'convolution'; there are conv,"):
        space.make_op("convolution", 1, 3, 2, 1)


# ------------------------------------------------------------------ training a cell


def in_order(images):
    """The images sorted, in whatever order they came."""
    rows = images.reshape(len(images), -1).round(3)
    return rows[np.lexsort(rows.T)]


def test_the_parts_are_disjoint_and_standardised():
    whole = evaluate.load_parts()
    assert [len(part.labels) for part in whole[1:]] == [7000, 1000, 2000]
    both = np.concatenate([whole.training.images.numpy(), whole.validation.images.numpy()])
    assert both.shape == (8000, 1, 14, 14)
    assert both.mean() == pytest.approx(0, abs=1e-4)
    assert both.std() == pytest.approx(1, abs=1e-3)
    digits = mc.data.BundledMNIST().data.numpy()[:8000]
    halved = digits.reshape(8000, 1, 14, 2, 14, 2).mean((3, 5)) / 255
    scaled = (halved - halved.mean()) / halved.std()
    # Each of the 8,000 is in exactly one of the two few_parts.
    np.testing.assert_allclose(in_order(both), in_order(scaled), atol=2e-3)


def test_a_training_sees_exactly_so_many_images(few_parts, monkeypatch):
    seen = []
    batch = evaluate.Part.batch

    def counted(self, size, rng):
        found = batch(self, size, rng)
        assert self is few_parts.training
        seen.append(len(found.labels))
        return found

    monkeypatch.setattr(evaluate.Part, "batch", counted)
    cell = space.SPACE.cell([0] * 8)
    evaluate.evaluate(cell, few_parts, 100, seed=0)
    assert sum(seen) == 100


def test_training_learns_and_is_the_same_for_the_same_seed(few_parts):
    cell = space.SPACE.cell([0, 1, 2, 0, 0, 1, 2, 1])
    found = [evaluate.evaluate(cell, few_parts, 600, seed) for seed in (0, 0, 1)]
    assert found[0] == found[1]
    assert min(found) > 0.2  # one class in ten
    weights = [evaluate.trained(cell, few_parts, 50, s).classifier.weight.array for s in (0, 0, 1)]
    np.testing.assert_array_equal(weights[0], weights[1])
    assert not np.array_equal(weights[0], weights[2])


def test_accuracy_is_the_share_of_right_answers(few_parts):
    class Zeros(mc.nn.Module):
        def forward(self, images):
            assert not self.training
            return F.one_hot(mc.zeros(len(images), dtype=mc.int64), 10)

    expected = (few_parts.validation.labels.numpy() == 0).mean()
    for batch_size in (7, 60, 100):
        assert evaluate.accuracy(Zeros(), few_parts.validation, batch_size) == expected


# ------------------------------------------------------------------ random search


def test_random_search_keeps_the_best_of_what_it_drew():
    rewards = iter([0.2, 0.9, 0.9, 0.1])
    tried = []

    def reward(cell):
        tried.append(cell)
        return next(rewards)

    assert random_search.search(reward, 4, seed=3) is tried[1]
    assert len(set(tried)) == 4
    again = []
    random_search.search(lambda cell: again.append(cell) or 0.0, 4, seed=3)
    assert again == tried


# ------------------------------------------------------------------ the examples in docstrings


@pytest.mark.parametrize("module", [space, journal, report], ids=lambda module: module.__name__)
def test_docstrings(module):
    found = doctest.testmod(module, optionflags=doctest.NORMALIZE_WHITESPACE)
    assert found.attempted > 0
    assert found.failed == 0
