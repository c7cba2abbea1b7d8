"""Borders and other grids as PyTorch makes them, where the textbook has no say.

What all windowed functions do is compared in tests/parity/test_windowed_pytorch.py, over calls that
the textbook knows an answer to. Here: widths that cut all of an axis off, grids on which PyTorch's
float32 rounds a place across a whole number, and integers.
"""

import numpy as np
import pytest

import minicnn as mc
import minicnn.nn.functional as F
from minicnn.kernels import kernels
from minicnn.nn.functional.expansions import EXPANSIONS

torch = pytest.importorskip("torch")
pytestmark = pytest.mark.parity
TF = torch.nn.functional

SEEDS = range(200)


@pytest.fixture(autouse=True)
def one_thread():
    """Thousands of tiny arrays: several threads would spend their time waiting for each other."""
    import numba

    threads = numba.get_num_threads(), torch.get_num_threads()
    numba.set_num_threads(1)
    torch.set_num_threads(1)
    yield
    numba.set_num_threads(threads[0])
    torch.set_num_threads(threads[1])


def numbers(rng, low, high, n):
    """One number for all axes, or a tuple of n; `high` itself can come."""
    if rng.random() < 0.3:
        return int(rng.integers(low, high + 1))
    return tuple(int(v) for v in rng.integers(low, high + 1, n))


def bordering(rng):
    mode = ["constant", "reflect", "replicate", "circular"][rng.integers(4)]
    if mode == "constant":
        shape = tuple(int(s) for s in rng.integers(1, 5, rng.integers(1, 6)))
        axes = int(rng.integers(1, len(shape) + 1))
    else:
        axes = int(rng.integers(1, 4))
        shape = (*[2] * int(rng.integers(1, 3)), *map(int, rng.integers(2, 6, axes)))
    widths = []
    for n in shape[: -axes - 1 : -1]:
        low, high = {"reflect": (1 - n, n - 1), "circular": (0, n)}.get(mode, (-n, 3))
        before, after = (int(v) for v in rng.integers(low, high + 1, 2))
        if rng.random() < 0.7:
            before, after = abs(before), abs(after)
        if mode == "circular" and rng.random() < 0.2:
            before, after = (-1, min(after, n - 1)) if rng.random() < 0.5 else (before // 2, -1)
        if n + min(before, 0) + min(after, 0) < (mode != "constant") or n + before + after < 1:
            before = after = 0
        widths += [before, after]
    options = {"pad": tuple(widths), "mode": mode}
    if mode == "constant" and rng.random() < 0.5:
        options["value"] = float(rng.integers(-2, 3))
    return rng.standard_normal(shape), options


def resampling(rng):
    mode, n = [("nearest", 1), ("nearest", 2), ("linear", 1), ("bilinear", 2)][rng.integers(4)]
    sizes = [int(s) for s in rng.integers(1, 40, n)]
    options = {"mode": mode}
    if mode != "nearest" and rng.random() < 0.7:
        options["align_corners"] = bool(rng.integers(2))
    if rng.random() < 0.5:
        options["size"] = numbers(rng, 1, 60, n)
    else:
        factors = [float(rng.choice([0.5, 1.0, 1.1, 1.5, 2.0, 2.1, 3.0, rng.uniform(0.3, 3)]))
                   for _ in range(n)]  # fmt: skip
        if rng.random() < 0.3:
            factors = [factors[0]] * n
        sizes = [max(s, int(np.ceil(1 / f))) for s, f in zip(sizes, factors, strict=True)]
        options["scale_factor"] = factors[0] if len(set(factors)) == 1 else tuple(factors)
        if rng.random() < 0.4:
            options["recompute_scale_factor"] = bool(rng.integers(2))
        # For signals of once or twice the size, PyTorch's backward of "nearest" forgets the scale
        # factor, which its forward uses: it is then no gradient to compare with.
        copied = any(int(s * f) in (s, 2 * s) for s, f in zip(sizes, factors, strict=True))
        if mode == "nearest" and n == 1 and copied:
            options["recompute_scale_factor"] = True
    return rng.standard_normal((int(rng.integers(0, 3)), int(rng.integers(1, 3)), *sizes)), options


CASES = {"pad": bordering, "interpolate": resampling}


def run(module, function, x, options, seed):
    """The output and the gradient, for a random δ."""
    t = module.tensor(x, requires_grad=True)
    out = function(t, **options)
    delta = np.random.default_rng(seed).standard_normal(tuple(out.shape)).astype(x.dtype)
    out.backward(module.tensor(delta))
    return [np.asarray(a) for a in (out.detach(), t.grad)]


@pytest.mark.parametrize("name", CASES)
def test_values_and_gradients_are_pytorchs(name):
    for seed in SEEDS:
        rng = np.random.default_rng([seed, *name.encode()])
        x, options = CASES[name](rng)
        x = x.astype("float32" if rng.random() < 0.3 else "float64")
        tolerance = 1e-4 if x.dtype == "float32" else 1e-9
        theirs = run(torch, getattr(TF, name), x, options, seed)
        for function in (getattr(F, name), EXPANSIONS[name]):
            for variant in ("cpu", "plain"):
                with kernels(variant):
                    mine = run(mc, function, x, options, seed)
                text = f"{name}, case {seed}, {variant}: {x.dtype}{x.shape}, {options}"
                for m, t in zip(mine, theirs, strict=True):
                    assert (m.dtype, m.shape) == (t.dtype, t.shape), text
                    np.testing.assert_allclose(m, t, rtol=tolerance, atol=tolerance, err_msg=text)


# ⌊11 · 26/22⌋ is 13, in float32 12. Of float64 signals the place is rounded to float32 at the end:
# in float64, ⌊11 · 30/22⌋ is 14, of which float32 makes 15.
@pytest.mark.parametrize(("shape", "n", "out"), [((1, 1, 1), 26, 22), ((1, 1), 30, 22)])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_places_are_rounded_as_pytorch_rounds_them(shape, n, out, dtype):
    x = torch.arange(n).reshape(*shape, n).to(getattr(torch, dtype))
    size = (*shape[2:], out)
    theirs = TF.interpolate(x, size).reshape(-1).tolist()
    for function in (F.interpolate, EXPANSIONS["interpolate"]):
        assert function(mc.tensor(x.numpy()), size).reshape(-1).tolist() == theirs


INTEGERS = {
    "pad": lambda m, F, x: F.pad(x, (2, -1, 0, 1), value=1),
    "pad reflect": lambda m, F, x: F.pad(x, (2, 1, 1, 1), "reflect"),
    "pad replicate": lambda m, F, x: F.pad(x, (2, 1, -1, 1), "replicate"),
    "pad circular": lambda m, F, x: F.pad(x, (2, 1, 1, -1), "circular"),
    "interpolate": lambda m, F, x: F.interpolate(x.to(m.uint8), (7, 3)),
    "pixel_shuffle": lambda m, F, x: F.pixel_shuffle(x, 2),
    "channel_shuffle": lambda m, F, x: F.channel_shuffle(x, 2),
}


@pytest.mark.parametrize("dtype", ["uint8", "int32", "int64"])
@pytest.mark.parametrize("name", INTEGERS)
def test_integers_are_moved_as_pytorch_moves_them(name, dtype, rng):
    x = rng.integers(0, 99, (2, 4, 3, 4)).astype(dtype)
    theirs = INTEGERS[name](torch, TF, torch.tensor(x)).numpy()
    for functions in (F, Expansions):
        mine = INTEGERS[name](mc, functions, mc.tensor(x)).numpy()
        assert mine.dtype == theirs.dtype
        np.testing.assert_array_equal(mine, theirs)


class Expansions:
    """The expansions, by the names of what they stand for."""

    pad, interpolate = EXPANSIONS["pad"], EXPANSIONS["interpolate"]
    pixel_shuffle, channel_shuffle = EXPANSIONS["pixel_shuffle"], EXPANSIONS["channel_shuffle"]
