"""Hooks that run once a gradient is in ``.grad``, and what they ask for at the end of a pass."""

import pytest

import minicnn as mc
from minicnn import graph
from minicnn.checks import GraphError


def watched(library, values):
    """A leaf, and the gradients that the hook saw."""
    leaf, seen = library.tensor(values, requires_grad=True), []
    handle = leaf.register_post_accumulate_grad_hook(lambda t: seen.append(t.grad.tolist()))
    return leaf, seen, handle


def use(library):
    """Used twice, then again without zero_grad, then without the hook."""
    leaf, seen, handle = watched(library, [1.0, 2.0])
    (leaf * leaf).sum().backward()
    (3 * leaf).sum().backward()
    handle.remove()
    (3 * leaf).sum().backward()
    return seen


@pytest.mark.parity
def test_when_it_is_called_is_as_in_pytorch():
    torch = pytest.importorskip("torch")
    assert use(mc) == use(torch) == [[2.0, 4.0], [5.0, 7.0]]


@pytest.mark.parity
@pytest.mark.parametrize("requires_grad", [False, True])
def test_refusals_are_those_of_pytorch(requires_grad):
    torch = pytest.importorskip("torch")
    for library, error in ((torch, RuntimeError), (mc, GraphError)):
        t = library.tensor([1.0], requires_grad=requires_grad) * 2
        with pytest.raises(error):
            t.register_post_accumulate_grad_hook(print)


def test_not_called_where_nothing_is_accumulated():
    leaf, seen, _ = watched(mc, [1.0])
    other = mc.ones(1, requires_grad=True)
    mc.autograd.grad((leaf * 2).sum(), leaf)
    (leaf * other).sum().backward(inputs=[other])
    assert seen == [] and leaf.grad is None
    (leaf * other).sum().backward(inputs=[leaf])
    assert seen == [[1.0]]


def test_after_backward():
    """Once, when all gradients are there, and not after an error."""
    first, second = (mc.ones(1, requires_grad=True) for _ in range(2))
    found = []

    def ask(_):
        graph.after_backward(lambda: found.append([first.grad.item(), second.grad.item()]))

    second.register_post_accumulate_grad_hook(ask)
    (first * 2 + second * 3).sum().backward()
    assert found == [[2.0, 3.0]]
    (second * 3).sum().backward()
    assert found == [[2.0, 3.0], [2.0, 6.0]]

    def fails(_):
        ask(_)
        raise ZeroDivisionError

    second.register_post_accumulate_grad_hook(fails)
    with pytest.raises(ZeroDivisionError):
        (second * 3).sum().backward()
    assert len(found) == 2
