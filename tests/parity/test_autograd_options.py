"""The options of `backward` and `grad`, as PyTorch's: who receives a gradient, and who does not."""

import warnings

import numpy as np
import pytest

import minicnn as mc

torch = pytest.importorskip("torch")
pytestmark = pytest.mark.parity


def outcome(module, program, seed=0):
    """What `program` returns in either library, as nested lists, or its error; and warnings."""
    rng = np.random.default_rng(seed)
    x, w, unused = (
        module.tensor(rng.standard_normal((2, 3)), dtype=module.float64, requires_grad=True)
        for _ in range(3)
    )
    delta = module.tensor(rng.standard_normal((2, 3)), dtype=module.float64)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            found = plain(program(module, x, w, unused, delta))
        except Exception as error:
            found = error
    told = [c.category.__name__ for c in caught if "not a leaf" not in str(c.message)]
    return found, told


def plain(value):
    if isinstance(value, (tuple, list)):
        return [plain(v) for v in value]
    return np.round(value.tolist(), 9).tolist() if hasattr(value, "tolist") else value


def into_inputs(choose, function=False, **before):
    """The ``.grad`` of every tensor after ``backward(inputs=…)``."""

    def program(m, x, w, unused, delta):
        y = x * w
        z = y.exp() * w
        for t in (y, z):
            if before.get("retain"):
                t.retain_grad()
            if before.get("hook"):
                t.register_hook(lambda g: 3 * g)
        if before.get("hook"):
            x.register_hook(lambda g: 5 * g)
        for _ in range(before.get("times", 1)):
            inputs = choose(x, w, unused, y, z)
            if function:
                m.autograd.backward([z, x * 2], [delta, delta * delta], inputs=inputs)
            else:
                z.backward(delta, inputs=inputs, retain_graph=before.get("times", 1) > 1)
        return [t.grad for t in (x, w, unused, y, z)]

    return program


def grad_of(outputs, inputs, **options):
    def program(m, x, w, unused, delta):
        y = x * w
        names = {"x": x, "w": w, "unused": unused, "y": y, "z": y.exp() * w}
        names["loss"] = names["z"].sum()
        wanted = [names[n] for n in inputs.split()]
        retained = names["y"]
        retained.retain_grad()
        found = m.autograd.grad(names[outputs], wanted, **options)
        return [found, retained.grad, x.grad, w.grad]

    return program


def one_by_one(m, x, w, unused, delta):
    """A first walk to y must not free what a second one from y needs."""
    y = x.exp()
    (at_y,) = m.autograd.grad((y * y * w).sum(), y)
    return at_y, m.autograd.grad(y, x, at_y)


PROGRAMS = {
    "a leaf": into_inputs(lambda x, w, unused, y, z: [x]),
    "a leaf, not in a list": into_inputs(lambda x, w, unused, y, z: x),
    "a tuple of leaves": into_inputs(lambda x, w, unused, y, z: (w, x)),
    "a leaf twice": into_inputs(lambda x, w, unused, y, z: [x, x]),
    "a computed tensor": into_inputs(lambda x, w, unused, y, z: [y]),
    "a computed tensor and a leaf below": into_inputs(lambda x, w, unused, y, z: [y, x]),
    "the root itself": into_inputs(lambda x, w, unused, y, z: [z]),
    "an unused leaf": into_inputs(lambda x, w, unused, y, z: [unused]),
    "no inputs": into_inputs(lambda x, w, unused, y, z: []),
    "no inputs, a tuple": into_inputs(lambda x, w, unused, y, z: ()),
    "an input that wants no gradient": into_inputs(lambda x, w, unused, y, z: [x, x.detach()]),
    "an input that is no tensor": into_inputs(lambda x, w, unused, y, z: [x, 3.0]),
    "with retain_grad": into_inputs(lambda x, w, unused, y, z: [x], retain=True),
    "with retain_grad of the input": into_inputs(lambda x, w, unused, y, z: [y], retain=True),
    "with hooks": into_inputs(lambda x, w, unused, y, z: [x], hook=True),
    "with hooks on a computed input": into_inputs(lambda x, w, unused, y, z: [y, w], hook=True),
    "accumulated twice": into_inputs(lambda x, w, unused, y, z: [x, w], times=2),
    "the function": into_inputs(lambda x, w, unused, y, z: [x], function=True),
    "the function, a computed tensor": into_inputs(lambda x, w, unused, y, z: y, function=True),
    "the function, old name": lambda m, x, w, unused, delta: (
        m.autograd.backward(x * w, grad_variables=delta),
        x.grad,
    ),
    "the function, both names": lambda m, x, w, unused, delta: m.autograd.backward(
        x * w, delta, grad_variables=delta
    ),
    "grad": grad_of("loss", "x w"),
    "grad of a computed tensor": grad_of("loss", "y x"),
    "grad of the root": grad_of("loss", "loss x"),
    "grad, unused": grad_of("loss", "x unused"),
    "grad, unused allowed": grad_of("loss", "x unused", allow_unused=True),
    "grad, unused forbidden": grad_of("loss", "x unused", allow_unused=False),
    "grad, zeros": grad_of("loss", "unused x", materialize_grads=True),
    "grad, zeros, allowed": grad_of("loss", "unused", materialize_grads=True, allow_unused=True),
    "grad, zeros, forbidden": grad_of("loss", "x", materialize_grads=True, allow_unused=False),
    "grad, only_inputs": grad_of("loss", "x", only_inputs=False),
    "grad, by position": lambda m, x, w, unused, delta: m.autograd.grad(
        x * w, [x, unused], delta, None, False, True, True
    ),
    "grad, no inputs": grad_of("loss", ""),
    "grad, one by one": one_by_one,
}


@pytest.mark.parametrize("name", PROGRAMS)
def test_options_are_pytorchs(name):
    (mine, told), (theirs, told_there) = (outcome(m, PROGRAMS[name]) for m in (mc, torch))
    assert told == told_there
    if isinstance(theirs, Exception):
        assert isinstance(mine, type(theirs)), mine
    else:
        assert mine == theirs


def test_what_is_compared_differs_from_option_to_option():
    """The programs cannot all end in the same: inputs, hooks and repetition show in the result."""
    results = [str(outcome(mc, PROGRAMS[name])) for name in list(PROGRAMS)[:8]]
    assert len(set(results)) == 6  # two pairs mean the same
    assert outcome(mc, PROGRAMS["with hooks"]) != outcome(mc, PROGRAMS["a leaf"])


@pytest.mark.parametrize(
    ("call", "text"),
    [
        (lambda y, x: y.backward(inputs=[]), "^backward: inputs is empty; name the tensors"),
        (lambda y, x: y.backward(inputs=[mc.ones(1)]), "^backward: input 0 does not require grad"),
        (lambda y, x: y.backward(inputs=[2]), "^backward: inputs must be tensors, got int"),
        (lambda y, x: mc.autograd.grad(y, []), "^grad: inputs is empty"),
        (lambda y, x: mc.autograd.grad(y, x, is_grads_batched=True), "call grad once for each"),
        (
            lambda y, x: mc.autograd.grad(y, [x, mc.ones(1, requires_grad=True)]),
            "do not depend on input 1; pass allow_unused=True to receive None",
        ),
    ],
)
def test_refusals_say_why(call, text):
    x = mc.ones(2, requires_grad=True)
    with pytest.raises(RuntimeError, match=text):
        call((x * x).sum(), x)
    assert x.grad is None


def test_a_recorder_sees_the_accumulation_of_inputs_only():
    from minicnn.modes import record

    class Seen:
        def __init__(self):
            self.leaves = []

        def forward(self, *_):
            pass

        def backward(self, *_):
            pass

        def accumulate(self, leaf, delta):
            self.leaves.append((leaf, delta.tolist()))

    x, w = (mc.tensor([2.0], requires_grad=True) for _ in range(2))
    seen = Seen()
    with record(seen):
        (x * w * 3).backward(inputs=[w])
    assert [(leaf is w, delta) for leaf, delta in seen.leaves] == [(True, [6.0])]


def test_modes_may_stand_without_brackets():
    for m in (mc, torch):
        x = m.ones(2, requires_grad=True)

        @m.no_grad
        def doubled(x):
            return x * 2

        tripled = m.enable_grad(orig_func=lambda x: x * 3)
        assert not doubled(x).requires_grad
        with m.no_grad():
            assert tripled(x).requires_grad
        assert not m.no_grad(orig_func=lambda x: x * 3)(x).requires_grad


@pytest.mark.parametrize("wanted", [None, True, False])
def test_functions_choose_zeros_or_none(wanted):
    """For an output that nobody used."""
    seen = []
    for m in (mc, torch):

        class Twice(m.autograd.Function):
            @staticmethod
            def forward(ctx, x):
                if wanted is not None:
                    ctx.set_materialize_grads(wanted)
                return x * 2, x * 3

            @staticmethod
            def backward(ctx, a, b):
                seen.append([plain(a), plain(b)])
                return (a if a is not None else 0) * 2 + (0 if b is None else b * 3)

        x = m.tensor([1.0, 2.0], requires_grad=True)
        Twice.apply(x)[1].sum().backward()
        assert x.grad.tolist() == [3, 3]
    assert seen[0] == seen[1]
    assert seen[0][0] == (None if wanted is False else [0, 0])
