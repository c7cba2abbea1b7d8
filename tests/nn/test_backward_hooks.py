"""`register_full_backward_hook`, as PyTorch's."""

import numpy as np
import pytest

import minicnn as mc
from minicnn import nn

torch = pytest.importorskip("torch")
pytestmark = pytest.mark.parity


def run(module, library, replace, input_wants):
    """The hooks' calls and the gradients of a small network in either library."""
    rng = np.random.default_rng(0)
    net = library.Sequential(library.Linear(3, 4), library.Tanh(), library.Linear(4, 2))
    with module.no_grad():
        for p in net.parameters():
            p.data[...] = module.tensor(rng.standard_normal(tuple(p.shape)), dtype=module.float32)
    calls = []

    def hook(layer, grad_input, grad_output):
        calls.append([type(layer).__name__])
        calls[-1] += [None if g is None else g.tolist() for g in (*grad_input, *grad_output)]
        return tuple(None if g is None else g * 2 for g in grad_input) if replace else None

    for layer in net:
        layer.register_full_backward_hook(hook)
    x = module.tensor(rng.standard_normal((5, 3)), dtype=module.float32, requires_grad=input_wants)
    delta = module.tensor(rng.standard_normal((5, 2)), dtype=module.float32)
    net(x).backward(delta)
    gradients = [p.grad.tolist() for p in net.parameters()]
    return calls, gradients, x.grad.tolist() if input_wants else None


def assert_close(mine, theirs):
    if isinstance(theirs, (list, tuple)):
        assert len(mine) == len(theirs)
        for a, b in zip(mine, theirs, strict=True):
            assert_close(a, b)
    elif isinstance(theirs, float):
        assert mine == pytest.approx(theirs, rel=1e-4, abs=1e-6)
    else:
        assert mine == theirs


@pytest.mark.filterwarnings("ignore:Full backward hook is firing")  # PyTorch's, about itself
@pytest.mark.parametrize("replace", [False, True])
@pytest.mark.parametrize("input_wants", [False, True])
def test_hooks_are_called_as_in_pytorch(replace, input_wants):
    assert_close(run(mc, nn, replace, input_wants), run(torch, torch.nn, replace, input_wants))


def test_order_removal_and_prepend():
    layer, order = nn.Linear(2, 2), []
    first = layer.register_full_backward_hook(lambda *_: order.append("first"))
    layer.register_full_backward_hook(lambda *_: order.append("second"))
    layer.register_full_backward_hook(lambda *_: order.append("before"), prepend=True)
    layer(mc.ones(1, 2)).sum().backward()
    assert order == ["before", "first", "second"]
    first.remove()
    layer(mc.ones(1, 2)).sum().backward()
    assert order[3:] == ["before", "second"]


def test_without_gradients_nothing_is_called():
    layer = nn.Linear(2, 2)
    layer.register_full_backward_hook(lambda *_: pytest.fail("called"))
    with mc.no_grad():
        assert not layer(mc.ones(1, 2)).requires_grad


@pytest.mark.parametrize(
    ("result", "text"),
    [
        (lambda g: (g, g), "returned 2 gradients for 1 inputs"),
        (lambda g: (5,), "returned a int where a tensor belongs"),
    ],
)
def test_what_a_hook_returns_is_checked(result, text):
    layer = nn.Linear(2, 2)
    layer.register_full_backward_hook(lambda m, gi, go: result(gi[0]))
    with pytest.raises(RuntimeError, match=f"a hook on Linear {text}"):
        layer(mc.ones(1, 2, requires_grad=True)).sum().backward()


def test_a_watched_graph_is_freed_without_the_cyclic_collector():
    import gc
    import weakref

    layer = nn.Linear(2, 2)
    layer.register_full_backward_hook(lambda *_: None)
    gc.collect()
    gc.disable()
    try:
        y = layer(mc.ones(1, 2, requires_grad=True))
        node = weakref.ref(y.grad_fn)
        del y
        assert node() is None
    finally:
        gc.enable()
