"""Hooks, walks and state dicts of `Module` with all their options, run beside PyTorch's."""

import copy
import warnings

import numpy as np
import pytest

import minicnn as mc
from minicnn import nn

torch = pytest.importorskip("torch")
pytestmark = pytest.mark.parity


class Library:
    """minicnn or PyTorch, with a small layer that takes a keyword and may fail."""

    def __init__(self, module):
        self.m, self.nn, self.log = module, module.nn, []
        self.float32, self.float64 = module.float32, module.float64
        numbers = np.random.default_rng(0)

        class Scale(module.nn.Module):
            def __init__(layer):
                super().__init__()
                layer.w = module.nn.Parameter(self.tensor(numbers.standard_normal(3)))
                layer.register_buffer("seen", module.zeros(1))

            def forward(layer, x, other=None, factor=1, fail=False):
                if fail:
                    raise ValueError("failed")
                y = x * layer.w * factor
                return y if other is None else (y, other, y + other)

        self.Scale = Scale

    def tensor(self, data, **options):
        return self.m.tensor(np.asarray(data), dtype=self.m.float64, **options)

    def x(self, seed=1, **options):
        return self.tensor(np.random.default_rng(seed).standard_normal((2, 3)), **options)

    def say(self, name, result=None):
        """A hook that writes down what it is given; `result` computes what it returns."""

        def hook(module, *given):
            self.log.append([name, plain(given)])
            return None if result is None else result(*given)

        return hook


def plain(value):
    if isinstance(value, (tuple, list)):
        return [plain(v) for v in value]
    if isinstance(value, dict):
        return [[k, plain(v)] for k, v in value.items()]
    if hasattr(value, "tolist"):
        return np.round(np.asarray(value.detach()), 9).tolist()
    return value if isinstance(value, (int, float, str, bool, type(None))) else "object"


def run(program, module):
    library = Library(module)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            result = plain(program(library, library.Scale()))
        except Exception as error:
            result = error
    kinds = [c.category.__name__ for c in caught if "Full backward hook is" not in str(c.message)]
    return result, library.log, kinds


def order_of_pre_hooks(k, layer):
    layer.register_forward_pre_hook(k.say("first", lambda a: a[0] * 2))
    layer.register_forward_pre_hook(k.say("second", lambda a: (a[0] + 1,)))
    layer.register_forward_pre_hook(k.say("before", lambda a: (a[0], a[0])), prepend=True)
    layer.register_forward_pre_hook(k.say("options", lambda a, o: (a, {"factor": 3})), **WITH)
    layer.register_forward_pre_hook(k.say("told only"), with_kwargs=True, prepend=True)
    return layer(k.x(), factor=5)


WITH = {"with_kwargs": True}


def order_of_hooks(k, layer):
    layer.register_forward_hook(k.say("first", lambda a, y: y * 2))
    layer.register_forward_hook(k.say("second", lambda a, o, y: y + o["factor"]), **WITH)
    layer.register_forward_hook(k.say("before"), prepend=True)
    return layer(k.x(), factor=5)


def removed(k, layer):
    first = layer.register_forward_pre_hook(k.say("first"))
    with layer.register_forward_hook(k.say("inside")):
        layer(k.x())
    first.remove()
    first.remove()
    return layer(k.x())


def bad_pre_hook(k, layer):
    layer.register_forward_pre_hook(lambda m, a, o: a, with_kwargs=True)
    return layer(k.x())


def always(k, layer):
    """Hooks after an error in forward: only those that want to, and the first error stays."""
    layer.register_forward_hook(k.say("not then"))
    layer.register_forward_hook(k.say("always"), always_call=True)
    layer.register_forward_hook(k.say("options"), always_call=True, with_kwargs=True)
    return layer(k.x(), fail=True)


def always_after_a_hook(k, layer):
    def fail(*_):
        raise KeyError("hook")

    layer.register_forward_hook(k.say("ran", lambda a, y: y * 2), always_call=True)
    layer.register_forward_hook(fail)
    layer.register_forward_hook(k.say("left", lambda a, y: y * 3), always_call=True)
    layer.register_forward_hook(k.say("and then"), always_call=True)
    return layer(k.x())


def always_fails_itself(k, layer):
    def fail(*_):
        raise KeyError("hook")

    layer.register_forward_hook(fail, always_call=True)
    layer.register_forward_hook(k.say("still"), always_call=True)
    return layer(k.x(), fail=True)


def always_after_a_pre_hook(k, layer):
    def fail(*_):
        raise KeyError("hook")

    layer.register_forward_pre_hook(k.say("before", lambda a: a[0] * 2))
    layer.register_forward_pre_hook(fail)
    layer.register_forward_hook(k.say("always"), always_call=True)
    return layer(k.x())


def all_kinds_together(k, layer):
    """The gradients at the boundaries are those outside of what the forward hooks changed."""
    layer.register_forward_pre_hook(k.say("in", lambda a: a[0] * 2))
    layer.register_forward_hook(k.say("out", lambda a, y: y * 3 + a[0]))
    layer.register_full_backward_pre_hook(k.say("back in", lambda g: (g[0] * 5,)))
    layer.register_full_backward_pre_hook(k.say("back in first"), prepend=True)
    layer.register_full_backward_hook(k.say("back out", lambda i, o: (i[0] * 7,)))
    x = k.x(requires_grad=True)
    layer(x).backward(k.x(2))
    return x.grad, layer.w.grad


def several_outputs(k, layer):
    layer.register_full_backward_pre_hook(k.say("back in", lambda g: (g[0], g[1], g[2] * 5)))
    layer.register_full_backward_hook(k.say("back out"))
    x, other = k.x(requires_grad=True), k.x(3, requires_grad=True)
    y, _, total = layer(x, other)
    (y * total).backward(k.x(2))
    return x.grad, other.grad, layer.w.grad


def only_before_backward(k, layer):
    layer.register_full_backward_pre_hook(k.say("back in", lambda g: (g[0] * 5,)))
    layer(k.x()).backward(k.x(2))
    return layer.w.grad


def wrong_number_before_backward(k, layer):
    layer.register_full_backward_pre_hook(lambda m, g: (g[0], g[0]))
    layer(k.x(requires_grad=True)).backward(k.x(2))


def shared(k):
    """Two names for a module, two for a parameter and for a buffer."""
    net = k.nn.ModuleDict({"a": k.Scale(), "b": k.nn.Sequential(k.Scale())})
    net["c"] = net["a"]
    net["b"].again = net["a"].w
    net["b"].register_buffer("kept", net["a"].seen)
    net["b"].register_buffer("scratch", k.m.zeros(1), persistent=False)
    return net


def walks(k, layer):
    net, found = shared(k), []
    for option in ({}, {"remove_duplicate": False}, {"remove_duplicate": True}):
        found.append([n for n, _ in net.named_modules(**option)])
        found.append([n for n, _ in net.named_modules(prefix="net", **option)])
        found.append(len(list(net.modules(**option))))
        for walk in (net.named_parameters, net.named_buffers):
            found.append([n for n, _ in walk(**option)])
            found.append([n for n, _ in walk(prefix="net", **option)])
            found.append([n for n, _ in walk("net", False, **option)])
        found.append([n for n, _ in net["b"].named_parameters("b", False, **option)])
    found.append([n for n, _ in net.named_modules({net["a"]}, "net")])
    return found


def states(k, layer):
    net, found = shared(k), []
    found.append(net.state_dict())
    found.append(net.state_dict(prefix="net."))
    found.append(net.state_dict(prefix="net"))
    here = {"there": k.m.zeros(1)}
    found.append(net.state_dict(destination=here, prefix="x.") is here)
    found.append(here)
    found.append([v.requires_grad for v in net.state_dict().values()])
    kept = net.state_dict(keep_vars=True)
    found.append([v.requires_grad for v in kept.values()])
    found.append(kept["a.w"] is net["a"].w)
    found.append(kept["b.kept"] is net["a"].seen)
    return found


def states_by_position(k, layer):
    here = {}
    return [
        layer.state_dict(here, "p.") is here,
        here,
        layer.state_dict({}, "p.", True)["p.w"] is layer.w,
        list(layer.state_dict(None, prefix="q.")),
    ]


def assigned(k, layer):
    layer.w.requires_grad_(False)
    frozen, free = layer, k.Scale()
    given = {
        "w": k.m.ones(3, dtype=k.float32),
        "seen": k.m.ones(1, dtype=k.m.int64),
    }
    found = [list(frozen.load_state_dict(given, assign=True)), list(free.load_state_dict(given))]
    for one in (frozen, free):
        found.append([one.w, one.w.requires_grad, isinstance(one.w, k.nn.Parameter)])
        found.append([str(t.dtype).removeprefix("torch.") for t in (one.w, one.seen)])
        found.append([one.seen is given["seen"], one.w is given["w"]])
        with k.m.no_grad():
            given["w"] += 1  # assigned: on the same memory
        found.append(one.w)
    parameter = k.nn.Parameter(k.m.zeros(3), requires_grad=False)
    free.load_state_dict({"w": parameter}, strict=False, assign=True)
    found.append([free.w is parameter, free.w.requires_grad])
    return found


def assigned_wrongly(k, layer):
    return layer.load_state_dict({"w": k.m.ones(2), "seen": k.m.ones(1)}, assign=True)


def moved(k, layer):
    found = []
    layer.register_buffer("count", k.m.zeros(1, dtype=k.m.int64))
    layer(k.x()).backward(k.x(2))
    weight = layer.w
    other = k.m.zeros(1, dtype=k.float64)
    for args, options in [
        ((k.float32,), {}),
        ((other,), {}),
        (("cpu", k.float32), {}),
        ((None, k.float64), {}),
        ((), {"dtype": k.float32}),
        (("cpu",), {}),
        ((k.float64, True), {}),
        ((), {"device": "cpu", "dtype": k.float32, "non_blocking": True}),
        ((other, False), {}),
        (("cpu", k.float32, True), {}),
    ]:
        found.append(layer.to(*args, **options) is layer)
        found.append([str(t.dtype).removeprefix("torch.") for t in (layer.w, layer.seen)])
        found.append(str(layer.w.grad.dtype).removeprefix("torch."))
        found.append(str(layer.count.dtype).removeprefix("torch."))
    for name in ("half", "float", "double", "cpu"):
        found.append(getattr(layer, name)() is layer)
        found.append(str(layer.w.dtype).removeprefix("torch."))
    return [*found, layer.w is weight, layer.w.requires_grad]


def empty_things(k, layer):
    p = k.nn.Parameter()
    return [p.shape == (0,), p.requires_grad, len(k.nn.ModuleList()), len(k.nn.ModuleList(None))]


def sequential_by_name(k, layer):
    return k.nn.Sequential(layer, k.nn.Tanh()).forward(input=k.x())


PROGRAMS = [
    order_of_pre_hooks,
    order_of_hooks,
    removed,
    bad_pre_hook,
    always,
    always_after_a_hook,
    always_fails_itself,
    always_after_a_pre_hook,
    all_kinds_together,
    several_outputs,
    only_before_backward,
    wrong_number_before_backward,
    walks,
    states,
    states_by_position,
    assigned,
    assigned_wrongly,
    moved,
    empty_things,
    sequential_by_name,
]


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda p: p.__name__)
def test_equal_to_pytorch(program):
    (mine, log, told), (theirs, log_there, told_there) = run(program, mc), run(program, torch)
    assert log == log_there
    assert told == told_there
    if isinstance(theirs, Exception):
        assert isinstance(mine, type(theirs)), mine
    else:
        assert mine == theirs


@pytest.mark.parametrize("program", [order_of_hooks, always, all_kinds_together, several_outputs])
def test_hooks_were_called(program):
    assert len(run(program, mc)[1]) >= 2


@pytest.mark.parametrize(
    "args",
    [("int64",), ("cpu", "int64"), ("float32", "float64"), (3,), ("cpu", "float32", False, True)],
)
def test_where_a_module_cannot_go(args):
    for module in (mc, torch):
        layer = Library(module).Scale()
        given = [getattr(module, a) if hasattr(mc, str(a)) else a for a in args]
        with pytest.raises((TypeError, RuntimeError)):
            layer.to(*given)
        assert layer.w.dtype == module.float64
    with pytest.raises(ValueError, match="'cuda' is not available"):
        nn.Linear(1, 1).cuda()


def test_hooks_are_checked_by_name():
    layer = nn.Linear(2, 2)
    layer.register_forward_pre_hook(lambda m, a, o: (1, 2, 3), with_kwargs=True)
    with pytest.raises(TypeError, match=r"a hook on Linear .* a pair \(args, kwargs\); it"):
        layer(mc.ones(1, 2))
    layer = nn.Linear(2, 2)
    layer.register_full_backward_pre_hook(lambda m, g: (5,))
    text = "register_full_backward_pre_hook: a hook on Linear returned a int where a tensor belongs"
    with pytest.raises(TypeError, match=text):
        layer(mc.ones(1, 2)).sum().backward()


def test_copies_have_hooks_of_their_own():
    layer, calls = nn.Linear(2, 2), []
    handle = layer.register_forward_hook(lambda m, a, y: calls.append(m))
    twin = copy.deepcopy(layer)
    handle.remove()
    layer(mc.ones(1, 2))
    assert not calls
    twin(mc.ones(1, 2))
    assert len(calls) == 1


def test_a_state_dict_that_does_not_fit_assigns_nothing():
    layer = nn.Linear(2, 1)
    before = layer.weight
    with pytest.raises(ValueError, match="nothing was loaded"):
        layer.load_state_dict({"weight": mc.ones(1, 2), "bias": mc.ones(3)}, assign=True)
    assert layer.weight is before
