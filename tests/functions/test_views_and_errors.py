"""Views and copies, einsum's errors, sums of float16. Random cases stand in tests/parity."""

import pytest

import minicnn as mc

pytestmark = pytest.mark.parity


@pytest.mark.parametrize(
    ("equation", "text"),
    [
        ("ij,jk", "describes 2 operands, but 1 were given"),
        ("i", "has 2 dimensions, its term 'i' names 1"),
        ("ijk", "has 2 dimensions, its term 'ijk' names 3"),
        ("ij->ik", "output letter 'k' of 'ij->ik' is in no operand"),
        ("ij->ii", "'i' stands twice in the output"),
        ("i.j", "cannot read '.' in 'i.j'"),
        ("i1", "cannot read '1'"),
        ("ii", "'i' is repeated in operand 0 of shape \\(2, 3\\), but stands for sizes 2 and 3"),
    ],
)
def test_einsum_says_what_is_wrong(equation, text):
    with pytest.raises(ValueError, match=text):
        mc.einsum(equation, mc.ones(2, 3))


def test_views_are_views_and_copies_are_copies():
    torch = pytest.importorskip("torch")
    results = []
    for m in (mc, torch):
        x = m.arange(6.0).reshape(2, 3)
        parts = (*x.split(1), *x.chunk(2, 1), x.unflatten(1, (3, 1)), m.einsum("ii->i", x[:, :2]))
        for i, view in enumerate(parts, start=1):
            view += 10**i
        for copy in (x.repeat(1, 1), x.roll(1), x.gather(0, m.zeros(2, 3, dtype=m.int64))):
            copy.zero_()
        results.append(x.tolist())
    assert results[0] == results[1]


def test_var_of_float16_keeps_its_digits():
    x = mc.tensor([1000.0, 1001.0, 1002.0, 1003.0], dtype=mc.float16)
    assert mc.var(x).dtype == mc.float16
    assert abs(mc.var(x).item() - 5 / 3) < 1e-3
    assert mc.ones(4096, dtype=mc.float16).sum().item() == 4096
    assert mc.ones(4096, dtype=mc.float16).cumsum(0)[-1].item() == 4096
