"""Random cases that minicnn and PyTorch compute side by side."""

import warnings

import numpy as np
import pytest

import minicnn as mc

CASES = 200
REFUSALS = (RuntimeError, ValueError, TypeError, IndexError, NotImplementedError)


class Draw:
    """Random arguments for one case; `array` gives a description that both libraries understand."""

    def __init__(self, seed):
        self.rng = np.random.default_rng(seed)

    def chance(self, p):
        return self.rng.random() < p

    def integer(self, low, high):
        return int(self.rng.integers(low, high + 1))

    def among(self, *options):
        return options[self.rng.integers(len(options))]

    def shape(self, most=3, largest=4, smallest=None):
        smallest = 0 if smallest is None and self.chance(0.08) else (smallest or 1)
        return tuple(self.integer(smallest, largest) for _ in range(self.integer(0, most)))

    def broadcast_to(self, shape):
        """A shape that broadcasts with `shape`; seldom one that does not."""
        other = [1 if self.chance(0.25) else s for s in shape[self.integer(0, len(shape)) :]]
        if self.chance(0.05) and other:
            other[0] += 2
        return tuple(other)

    def dim(self, ndim):
        """A dimension, seldom one that does not exist."""
        limit = max(ndim, 1)
        return (
            self.integer(-limit, limit - 1) if self.chance(0.95) else self.among(limit, -limit - 1)
        )

    def dims(self, ndim):
        kind = self.integer(0, 5)
        if kind == 0 or not ndim:
            return None
        if kind < 3:
            return self.dim(ndim)
        chosen = self.rng.permutation(ndim)[: self.integer(1, ndim)]
        return tuple(int(i) - (ndim if self.chance(0.3) else 0) for i in chosen)

    def dtype(self, kinds="fi"):
        if "f" in kinds and (kinds == "f" or self.chance(0.7)):
            return self.among("float64", "float64", "float64", "float32")
        return self.among("int64", "int64", "int32", "uint8", "bool")

    def array(self, shape, dtype="float64", low=-3, high=3, ties=False, layout=True):
        """(values, dtype, how the tensor is a view of them)."""
        whole = dtype[0] != "f" or ties
        layout = self.integer(0, 3) if layout else 0
        if layout == 1:
            shape = shape[::-1]
        elif layout == 2 and shape:
            shape = (*shape[:-1], 2 * shape[-1])
        if whole:
            values = self.rng.integers(low, high + 1, shape)
            values = np.abs(values) if dtype == "uint8" else values
        else:
            values = self.rng.uniform(low, high, shape)
        return np.asarray(values).astype(dtype), layout


def tensor(module, values, layout):
    """(leaf, the tensor to be used: the leaf, transposed, or every second column of it)."""
    leaf = module.tensor(values)
    if values.dtype.kind == "f":
        leaf.requires_grad_()
    if layout == 1:
        return leaf, leaf.permute(tuple(reversed(range(leaf.ndim))))
    return leaf, leaf[..., ::2] if layout == 2 and leaf.ndim else leaf


def run(module, call, arrays, delta_seed):
    """What `call(module, *tensors)` gives: an error's type, or arrays, dtypes and gradients."""
    pairs = [tensor(module, *a) for a in arrays]
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            out = call(module, *[t for _, t in pairs])
    except REFUSALS as error:
        return error, None
    outputs = list(out) if isinstance(out, (tuple, list)) else [out]
    values, wanted, deltas = [], [], []
    rng = np.random.default_rng(delta_seed)
    for o in outputs:
        if not hasattr(o, "requires_grad"):
            values.append(o)
            continue
        values.append((np.asarray(o.detach()), str(o.dtype).removeprefix("torch.")))
        delta = rng.standard_normal(tuple(o.shape))
        if o.requires_grad:
            wanted.append(o)
            deltas.append(module.tensor(delta).to(o.dtype))
    if wanted:
        try:
            module.autograd.backward(wanted, deltas)
        except REFUSALS as error:
            return error, values
    gradients = [None if t.grad is None else np.asarray(t.grad) for t, _ in pairs]
    return None, (values, gradients)


def assert_same(case, call, arrays, torch):
    theirs_error, theirs = run(torch, call, arrays, case)
    mine_error, mine = run(mc, call, arrays, case)
    where = f"case {case}: {[(v.shape, str(v.dtype), layout) for v, layout in arrays]}"
    if theirs_error is not None:
        assert mine_error is not None, f"{where}: PyTorch refuses: {theirs_error!r}; got {mine}"
        for kind in (RuntimeError, TypeError, IndexError, ValueError):
            if type(theirs_error) is kind and kind is not TypeError:
                assert isinstance(mine_error, kind), f"{where}: {mine_error!r}, {theirs_error!r}"
        assert str(mine_error), where
        return False
    if mine_error is not None:
        raise AssertionError(f"{where}: refused, which PyTorch does not do") from mine_error
    (values, gradients), (their_values, their_gradients) = mine, theirs
    assert len(values) == len(their_values), where
    dtypes = {str(v.dtype) for v, _ in arrays} | {v[1] for v in values if isinstance(v, tuple)}
    tolerance = 2e-5 if "float32" in dtypes else 1e-9
    for a, b in zip(values, their_values, strict=True):
        if isinstance(b, tuple):
            assert a[1] == b[1], f"{where}: dtype {a[1]}, PyTorch's {b[1]}"
            close(a[0], b[0], where, tolerance)
        else:
            assert a == b, where
    for a, b in zip(gradients, their_gradients, strict=True):
        if b is None or a is None:
            # No gradient at all and one of zeros mean the same.
            assert not np.any(a) and not np.any(b), f"{where}: gradients {a} and {b}"
        else:
            close(a, b, f"{where}: gradient", tolerance)
    return True


def close(a, b, where, tolerance):
    assert a.shape == b.shape, f"{where}: {a.shape}, PyTorch's {b.shape}"
    np.testing.assert_allclose(a, b, rtol=tolerance, atol=tolerance, err_msg=where)


@pytest.fixture
def compare():
    """``compare(name, draw_case)``: 200 seeded cases, each equal in minicnn and PyTorch.

    `draw_case` takes a `Draw` and returns (call, arrays); ``call(module, *tensors)`` is made once
    with each library. At least a third of the cases must be ones that PyTorch accepts.
    """
    torch = pytest.importorskip("torch")

    def compare(name, draw_case, accepted=CASES // 3):
        computed = 0
        for case in range(CASES):
            call, arrays = draw_case(Draw([case, *name.encode()]))
            computed += assert_same(case, call, arrays, torch)
        assert computed >= accepted, f"{name}: only {computed} cases were not refused"

    return compare
