"""`gradcheck`: backward against finite differences.

The gradient that backward gives for L = Σ δ ⊙ f(x) must be that of the differences. δ is drawn at
random: with δ = 1 everywhere (which is what ``f(x).sum()`` amounts to) a kernel that is not
rotated, a transposed δ or a batch in the wrong order go unnoticed.
"""

from typing import NamedTuple

import numpy as np

from minicnn.checking.differences import Differences, floating_outputs, untied, values
from minicnn.checking.report import GradcheckError, no_derivative, wrong_gradient
from minicnn.checks import ArgumentError, DtypeError, GraphError, ShapeError, one_of, sequence
from minicnn.device import on_cpu_only
from minicnn.graph import run_backward, starting_points
from minicnn.modes import enable_grad
from minicnn.random import numpy_generator
from minicnn.tensor import Tensor


class _Precision(NamedTuple):
    """What is asked of a dtype: the step h, and |backward − difference| ≤ atol + rtol·|difference|.

    The step balances the error of order h² with rounding, which a difference divides by h.
    """

    eps: float
    atol: float
    rtol: float


_PRECISION = {
    np.dtype("float64"): _Precision(1e-6, 1e-5, 1e-3),
    np.dtype("float32"): _Precision(1e-2, 1e-2, 2e-2),
}


def gradcheck(
    func,
    inputs,
    *,
    eps=None,
    atol=None,
    rtol=None,
    raise_exception=True,
    nondet_tol=0.0,
    fast_mode=False,
    whole_jacobian=False,
    allow_float32=False,
    ties=None,
    window=None,
    generator=None,
):
    """Compare the gradients of ``func(*inputs)`` by backward with central finite differences.

    Also checked: that func gives the same result twice, that backward does too, that neither
    changes its inputs, and that backward is linear in δ.

    As ``torch.autograd.gradcheck``.

    Args:
        func: a function of tensors that returns a tensor or several.
        inputs: the tensors to call it with; those that require grad are checked, and must be
            float64, since float32 has too few digits for small steps.
        eps: the step h; 1e-6 unless given (1e-2 for float32).
        atol, rtol: |backward − difference| ≤ atol + rtol · |difference| must hold everywhere; 1e-5
            and 1e-3 unless given (1e-2 and 2e-2 for float32).
        raise_exception: raise on a disagreement, else return False.
        nondet_tol: by how much two runs may differ.
        fast_mode: change the inputs in one random direction, instead of one element at a time.
        whole_jacobian: compare ∂output/∂input for each pair of elements, instead of one random δ.
        allow_float32: check float32 inputs too, with large steps and tolerances.
        ties: ``"first"``: of equal values the first counts as the largest, as in max pooling, and 0
            as negative, as in ReLU. For functions that are linear between their kinks.
        window: a layer (or a dictionary with ``kernel_size``, ``stride``, ``padding``,
            ``dilation``) whose windows the report of an error shall name.
        generator: for δ and the random direction.

    Returns:
        True; False if something is wrong and `raise_exception` is False.

    Raises:
        GradcheckError: what is wrong: the first element, the share of wrong ones.
        NotDifferentiableError: a `GradcheckError`: the function has no derivative at this input.
        DtypeError, ArgumentError: inputs that cannot be checked.

    >>> import minicnn as mc
    >>> x = mc.randn(3, 4, dtype=mc.float64, requires_grad=True)
    >>> gradcheck(mc.tanh, (x,))
    True
    """
    if not callable(func):
        raise DtypeError(f"gradcheck: func must be a function, got {type(func).__name__}")
    single = isinstance(inputs, Tensor)
    inputs = (inputs,) if single else tuple(sequence("gradcheck", "inputs", inputs))
    checked, precision = _checkable(inputs, allow_float32)
    if ties is not None:
        one_of("gradcheck", "ties", ties, ("first",))
    if fast_mode and whole_jacobian:
        raise ArgumentError("gradcheck: fast_mode and whole_jacobian exclude each other")
    given = {"eps": eps, "atol": atol, "rtol": rtol}
    precision = precision._replace(**{k: v for k, v in given.items() if v is not None})
    check = _Check(func, inputs, checked, precision, nondet_tol, window, numpy_generator(generator))
    try:
        check.the_rest()
        if ties:
            check.untie()
        if whole_jacobian:
            check.jacobian()
        elif not fast_mode or not check.direction():
            check.elements()
    except GradcheckError:
        if raise_exception:
            raise
        return False
    return True


def _checkable(inputs, allow_float32):
    """(which inputs are checked, how precisely)."""
    checked = [i for i, t in enumerate(inputs) if isinstance(t, Tensor) and t.requires_grad]
    if not checked:
        raise ArgumentError("gradcheck: none of the inputs requires grad, so nothing is checked")
    allowed = ("float64", "float32") if allow_float32 else ("float64",)
    for i in checked:
        if inputs[i].dtype.name not in allowed:
            raise DtypeError(
                f"gradcheck: input {i} is {inputs[i].dtype}; finite differences need float64, "
                "use .double()"
                + (" (or allow_float32=True)" if inputs[i].dtype == np.float32 else "")
            )
        on_cpu_only("gradcheck", [inputs[i]])
        if not inputs[i].array.flags.writeable:
            raise ArgumentError(
                f"gradcheck: input {i} is read-only (expanded, perhaps), so its elements cannot be "
                "changed one by one; use .clone()"
            )
    coarsest = min((inputs[i].dtype for i in checked), key=lambda d: d.itemsize)
    return checked, _PRECISION[coarsest]


class _Check:
    """One call of `gradcheck`."""

    def __init__(self, func, inputs, checked, precision, nondet_tol, window, rng):
        self.func, self.inputs, self.checked = func, inputs, checked
        self.eps, self.atol, self.rtol = precision
        self.nondet_tol, self.window, self.rng = nondet_tol, window, rng
        self.edges = [inputs[i]._edge() for i in checked]
        before = self._copies()
        with enable_grad():
            self.outputs = floating_outputs(func, inputs)
        self._unchanged(before, "func")
        if not any(o.requires_grad for o in self.outputs):
            raise ArgumentError("gradcheck: no output requires grad; does func detach its inputs?")
        self.deltas = self._random()

    def _copies(self):
        return [t.array.copy() if isinstance(t, Tensor) else None for t in self.inputs]

    def _random(self):
        # standard_normal(()) is a number; δ of a 0-d output is a 0-d array.
        return [np.array(self.rng.standard_normal(o.shape), o.dtype) for o in self.outputs]

    def _unchanged(self, before, who):
        for i, (t, kept) in enumerate(zip(self.inputs, before, strict=True)):
            if kept is not None and not np.array_equal(t.array, kept, equal_nan=_floating(kept)):
                raise GradcheckError(f"gradcheck: {who} changed the values of input {i}", input=i)

    def tolerance(self, size):
        return self.atol + self.rtol * size

    def backward(self, deltas):
        """∂L/∂input of each checked input, for L = Σ δ ⊙ output; 0 where it does not depend."""
        pairs = [
            (o, Tensor(d)) for o, d in zip(self.outputs, deltas, strict=True) if o.requires_grad
        ]
        roots, arrays = starting_points("gradcheck", *zip(*pairs, strict=True))
        try:
            found = run_backward(roots, arrays, retain_graph=True, wanted=self.edges)
        except (ShapeError, DtypeError, GraphError) as error:
            raise GradcheckError(f"gradcheck: backward failed. {error}") from error
        inputs = [self.inputs[i] for i in self.checked]
        return [
            np.zeros(t.shape, t.dtype) if g is None else g.copy()
            for g, t in zip(found, inputs, strict=True)
        ]

    # ------------------------------------------------------------------ what must always hold

    def the_rest(self):
        """Determinism, inputs left alone, linearity in δ."""
        first, second = (values(self.func, self.inputs) for _ in range(2))
        if not all(self._same(a, b) for a, b in zip(first, second, strict=True)):
            raise GradcheckError(
                "gradcheck: func gives different results for the same inputs, so differences say "
                "nothing. Does it draw random numbers? Give it a generator with the same seed in "
                "every call, or raise nondet_tol"
            )
        before, deltas = self._copies(), [d.copy() for d in self.deltas]
        self.gradients = self.backward(self.deltas)
        self._unchanged(before, "backward")
        if not all(np.array_equal(a, b) for a, b in zip(deltas, self.deltas, strict=True)):
            raise GradcheckError("gradcheck: backward changed the values of δ")
        for i, a, b in zip(self.checked, self.gradients, self.backward(deltas), strict=True):
            if not self._same(a, b):
                raise GradcheckError(
                    f"gradcheck: backward gives different gradients of input {i} for the same δ; "
                    "does it draw new random numbers, or keep something from the last call?",
                    input=i,
                )
        self.not_linear = self._first_not_linear()

    def _same(self, a, b):
        return a.shape == b.shape and np.allclose(
            a, b, rtol=0, atol=self.nondet_tol, equal_nan=True
        )

    def _first_not_linear(self):
        """The first input whose gradient for δ + 2δ' is not the sum of those for δ and 2δ'."""
        others = self._random()
        both = [np.asarray(d + 2 * e) for d, e in zip(self.deltas, others, strict=True)]
        rtol = 1e-9 if self.eps < 1e-4 else 1e-4
        for i, a, b, c in zip(
            self.checked, self.gradients, self.backward(others), self.backward(both), strict=True
        ):
            size = max(np.abs(a).max(initial=0), np.abs(b).max(initial=0), 1e-30)
            if not np.allclose(a + 2 * b, c, rtol=0, atol=rtol * size, equal_nan=True):
                return i
        return None

    def _raise(self, error):
        if self.not_linear is not None:
            error.args = (
                f"{error.args[0]}\nbackward is not linear in δ: the gradient of input "
                f"{self.not_linear} for δ + 2δ' is not the sum of those for δ and 2δ'",
            )
        raise error

    # ------------------------------------------------------------------ the three comparisons

    def untie(self):
        """From here on the differences are taken beside the ties."""
        self.inputs = tuple(
            Tensor(untied(t.array, self.eps)) if i in self.checked else t
            for i, t in enumerate(self.inputs)
        )

    def _differences(self):
        with np.errstate(all="ignore"):
            return Differences(self.func, self.inputs, self.eps)

    def elements(self):
        """One random δ, every element of every checked input."""
        differences = self._differences()
        for i, found in zip(self.checked, self.gradients, strict=True):
            x = self.inputs[i]
            expected, kinks = np.zeros(x.shape), np.zeros(x.shape, bool)
            for place in np.ndindex(*x.shape):
                slopes, without = differences.at(x, place, self.tolerance)
                pairs = zip(slopes, self.deltas, strict=True)
                expected[place] = sum((s * d).sum() for s, d in pairs)
                kinks[place] = any(k.any() for k in without)
            self._compare(i, found, expected, kinks, differences)
        self._right_for_one_delta()

    def _right_for_one_delta(self):
        if self.not_linear is not None:
            self._raise(GradcheckError("gradcheck: backward is right for some δ, but not for all"))

    def _compare(self, i, found, expected, kinks, differences):
        wrong = ~(np.abs(found - expected) <= self.tolerance(np.abs(expected)))
        blamed = wrong & ~kinks
        if blamed.any():
            self._raise(
                wrong_gradient(i, found, expected, blamed, self.window, int((wrong & kinks).sum()))
            )
        if wrong.any():
            place = tuple(int(p) for p in np.argwhere(wrong)[0])
            sides = differences.sides(self.inputs[i], place, self.deltas)
            raise no_derivative(i, place, *sides, int(kinks.sum()), kinks.size)

    def jacobian(self):
        """∂output/∂input for every pair of elements: a backward for each element of an output."""
        differences = self._differences()
        places = [(o, p) for o, t in enumerate(self.outputs) for p in np.ndindex(*t.shape)]
        rows = [self.backward(self._one_hot(*place)) for place in places]
        for k, i in enumerate(self.checked):
            x = self.inputs[i]
            # J[row, column]: a row for each element of the outputs, a column for each of the input.
            columns = [differences.at(x, p, self.tolerance) for p in np.ndindex(*x.shape)]
            shape = (len(places), x.array.size)
            expected, kinks = (
                np.array([_flat(c[part]) for c in columns]).reshape(shape[::-1]).T
                for part in (0, 1)
            )
            found = np.array([r[k] for r in rows]).reshape(shape)
            wrong = ~(np.abs(found - expected) <= self.tolerance(np.abs(expected)))
            blamed = wrong & ~kinks
            for r in np.flatnonzero((blamed if blamed.any() else wrong).any(axis=1))[:1]:
                self._report_row(
                    i, places[r], x.shape, found[r], expected[r], kinks[r], differences
                )
        self._right_for_one_delta()

    def _one_hot(self, o, place):
        deltas = [np.zeros(t.shape, t.dtype) for t in self.outputs]
        deltas[o][place] = 1
        return deltas

    def _report_row(self, i, output, shape, found, expected, kinks, differences):
        self.deltas = self._one_hot(*output)
        try:
            arrays = (a.reshape(shape) for a in (found, expected, kinks))
            self._compare(i, *arrays, differences)
        except GradcheckError as error:
            o, place = output
            error.args = (f"{error.args[0]}\nwith δ = 1 at {place} of output {o}, else 0",)
            raise

    def direction(self):
        """δᵀ J u for one random direction u an input; False where the elements have to tell."""
        differences = self._differences()
        for i, found in zip(self.checked, self.gradients, strict=True):
            u = self.rng.standard_normal(found.shape).astype(found.dtype)
            expected = differences.along(self.inputs[i], u, self.deltas)
            if not abs((found * u).sum() - expected) <= self.tolerance(abs(expected)):
                return False
        return self.not_linear is None


def _flat(arrays):
    return np.concatenate([a.ravel() for a in arrays])


def _floating(array):
    return array.dtype.kind == "f"
