"""Wrong values: where the first is, what structure the error has, and whether we know the cause.

Never a guess: a cause is named only if exactly one wrong answer of the catalogue reproduces the
student's on every probe.
"""

import numpy as np

from minicnn.courses.grading.answers import LINEAR
from minicnn.courses.grading.comparison import first_place, same, wrong_places
from minicnn.courses.grading.feedback import Finding

TERMS = 12
STEP = 1e-5


def first_wrong(task, name, got, expected, arguments):
    """Findings on the first wrong element of one result, an array: where it is, what it is."""
    got, expected = np.asarray(got), np.asarray(expected)
    wrong = wrong_places(got, expected, task.tolerance)
    count = "all" if wrong.all() else f"{wrong.sum()}"
    if not expected.ndim:
        yield Finding("where", f"{name} is {got:.6g}, expected {expected:.6g}")
        return
    text = f"{count} of {wrong.size} values of {name} are wrong{_share_by_place(wrong)}"
    yield Finding("where", f"{text}; shape right")
    place = first_place(wrong)
    label = f"{name}[{','.join(map(str, place))}]"
    source, value = "expected", expected[place]
    if name in task.derivatives:
        source = "finite differences say"
        value = finite_difference(task.derivatives[name], place, arguments)
    yield Finding("where", f"first: {label} is {_number(got[place])}, {source} {_number(value)}")
    if task.terms is not None and (lines := task.terms(name, place, **arguments)):
        yield Finding("window", f"{label} should be made of")
        for line in lines[:TERMS]:
            yield Finding("window", f"  {line}")
        if len(lines) > TERMS:
            yield Finding("window", f"  … and {len(lines) - TERMS} more")


def _number(value):
    return f"{float(value):.6g}" if np.asarray(value).dtype.kind == "f" else str(value)


def _share_by_place(wrong):
    """ ", 100 % at corners, …" for maps that have corners, edges and an inside."""
    if wrong.ndim < 2 or min(wrong.shape[-2:]) < 3 or wrong.all():
        return ""
    row, column = (np.isin(np.arange(n), (0, n - 1)) for n in wrong.shape[-2:])
    corner, inside = row[:, None] & column, ~(row[:, None] | column)
    kinds = {"at corners": corner, "at edges": ~corner & ~inside, "inside": inside}
    shares = [f"{wrong[..., where].mean():.0%} {kind}" for kind, where in kinds.items()]
    return f" ({', '.join(shares)})"


def finite_difference(derivative, place, arguments):
    """∂(Σ δ ⊙ y)/∂v at one index of v, by central differences."""
    v = np.array(derivative.at(**arguments), np.float64)
    delta = 1.0 if derivative.delta is None else arguments[derivative.delta]
    sums = []
    for step in (STEP, -STEP):
        moved = v.copy()
        moved[place] += step
        sums.append(np.sum(delta * derivative.forward(moved, **arguments)))
    return (sums[0] - sums[1]) / (2 * STEP)


# -------------------------------------------------------------------------------- structure


def structure(task, answers, asked):
    """Findings on how the whole of a wrong result relates to the right one.

    `answers` holds (arguments, got, expected) of every probe, got and expected tuples.
    """
    yield from _linearity(task, asked, answers)
    for i, name in enumerate(task.results):
        if any(not isinstance(e[i], (np.ndarray, float)) for _, _, e in answers):
            continue
        pairs = [(a, np.asarray(g[i]), np.asarray(e[i])) for a, g, e in answers]
        if any(e.dtype.kind != "f" for _, _, e in pairs):
            continue
        if not any(wrong_places(g, e, task.tolerance).any() for _, g, e in pairs):
            continue
        text = _ratio(name, pairs, task.tolerance) or _rearranged(name, pairs, task.tolerance)
        derivative = task.derivatives.get(name)
        if text:
            yield Finding("cause", text)
        elif derivative is not None and derivative.linear:
            yield from _adjoint(name, derivative, pairs, task.tolerance)


def _linearity(task, asked, answers):
    values = [outcome.get("value") for outcome in asked.linear]
    if len(values) != 2 or any(v is None for v in values):
        return
    single = len(task.results) == 1
    second, combined = ((v,) if single else v for v in values)
    for name, a, b, c in zip(task.results, answers[0][1], second, combined, strict=False):
        if not np.shape(a) == np.shape(b) == np.shape(c):
            continue
        wanted = LINEAR[0] * np.asarray(a) + LINEAR[1] * np.asarray(b)
        if wrong_places(np.asarray(c), wanted, task.tolerance).any():
            d = task.linear_in
            yield Finding(
                "cause",
                f"{name} is not linear in {d}, but has to be: f(2a − 3b) is not 2 f(a) − 3 f(b)",
            )


def _adjoint(name, derivative, pairs, tolerance):
    """⟨δ, f(u) − f(0)⟩ = ⟨result, u⟩ for a linear f and any u."""
    for arguments, got, expected in pairs:
        if wrong_places(got, expected, tolerance).any():
            u = np.random.default_rng(0).standard_normal(expected.shape)
            there, zero = (derivative.forward(v, **arguments) for v in (u, np.zeros_like(u)))
            forward = np.sum(arguments[derivative.delta] * (there - zero))
            back = np.sum(got * u)
            if abs(forward - back) > tolerance * max(1.0, abs(forward)):
                text = f"⟨δ, f(u)⟩ and ⟨{name}, u⟩ must be equal for every u; for a random one "
                yield Finding("cause", f"{text}they are {forward:.6g} and {back:.6g}")
            return


def _ratio(name, pairs, tolerance):
    """A constant factor on every probe; or N or 1/N, where N is not the same on all of them."""
    factors = []
    if sum(expected.size for _, _, expected in pairs) < 2:  # of one number nothing follows
        return None
    for _, got, expected in pairs:
        large = np.abs(expected) > 1e-3 * np.abs(expected).max(initial=0.0)
        if not large.any():
            return None
        factor = float(np.median(got[large] / expected[large]))
        if factor == 0 or wrong_places(got, factor * expected, tolerance).any():
            return None
        factors.append(factor)
    if np.allclose(factors, factors[0], rtol=tolerance, atol=0):
        factor = f"{factors[0]:.6g}".replace("-", "−")
        return f"{name} is right but for the factor {factor}"
    samples = np.array([_samples(arguments) for arguments, _, _ in pairs])
    for text, n in (("N", samples), ("1/N", 1 / samples)):
        if np.allclose(factors, n, rtol=tolerance, atol=0):
            return f"{name} is right but for the factor {text}, N being the number of samples"
    return None


_BATCHES = ("delta", "x", "maps", "scores", "columns")  # their first axis counts samples


def _samples(arguments):
    """N of a batch; NaN, which equals nothing, where none of the arguments is a batch."""
    batches = (arguments[k] for k in _BATCHES if np.ndim(arguments.get(k)) > 1)
    return next((len(a) for a in batches), np.nan)


_REARRANGEMENTS = (
    ("turned by 180° in its last two axes", 2, lambda a: a[..., ::-1, ::-1]),
    ("upside down (the last axis but one reversed)", 2, lambda a: a[..., ::-1, :]),
    ("mirrored (the last axis reversed)", 1, lambda a: a[..., ::-1]),
    ("transposed in its last two axes", 2, lambda a: a.swapaxes(-1, -2)),
    ("with its first two axes exchanged", 2, lambda a: a.swapaxes(0, 1)),
)


def _rearranged(name, pairs, tolerance):
    """The right values elsewhere, in the same way on every probe."""
    for text, ndim, rearranged in _REARRANGEMENTS:
        if all(
            e.ndim >= ndim
            and rearranged(e).shape == g.shape
            and not wrong_places(g, rearranged(e), tolerance).any()
            for _, g, e in pairs
        ):
            return f"{name} is the right one {text}"
    if all(_permuted(g, e, tolerance) for _, g, e in pairs):
        return f"{name} is right but for the order along its first axis"
    if all(
        not wrong_places(np.sort(g, None), np.sort(e, None), tolerance).any() for _, g, e in pairs
    ):
        return f"{name} holds the right values in the wrong places"
    return None


def _permuted(got, expected, tolerance):
    if not got.ndim or len(got) < 2:
        return False
    free = list(range(len(expected)))
    for g in got:
        fits = [i for i in free if not wrong_places(g, expected[i], tolerance).any()]
        if not fits:
            return False
        free.remove(fits[0])
    return True


# ------------------------------------------------------------------------------- catalogue


def cause(task, answers):
    """The one entry of the catalogue that gives the student's results on every probe, or None."""
    fits = [w for w in task.wrong if all(_reproduces(task, w, a, g) for a, g in answers)]
    return fits[0] if len(fits) == 1 else None


def _reproduces(task, wrong, arguments, got):
    answer = wrong.answer(**arguments)
    answer = (answer,) if len(task.results) == 1 else tuple(answer)
    return same(got, answer, task.tolerance)
