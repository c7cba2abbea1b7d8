"""Every windowed and spatial function against PyTorch, over 200 random cases each.

The same cases also go through the readable kernels and through the function's expansion. δ is
random, sizes are unequal, strides need not divide, and memory lies in every order.
"""

import numpy as np
import pytest

import minicnn as mc
import minicnn.nn.functional as F
from minicnn.kernels import kernels
from minicnn.nn.functional.expansions import EXPANSIONS

torch = pytest.importorskip("torch")
pytestmark = [
    pytest.mark.parity,
    # PyTorch on its own slow path.
    pytest.mark.filterwarnings("ignore:Using padding='same'"),
]
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


def laid_out(rng, array):
    """The same values in another order of memory."""
    way = rng.integers(4)
    if way == 1:
        return np.asfortranarray(array)
    if way == 2 and array.ndim:
        return np.repeat(array, 2, axis=-1)[..., ::2]
    if way == 3 and array.ndim:
        return array[..., ::-1].copy()[..., ::-1]
    return array


def numbers(rng, low, high, n):
    """One number for all axes, or a tuple of n; `high` itself can come."""
    if rng.random() < 0.3:
        return int(rng.integers(low, high + 1))
    return tuple(int(v) for v in rng.integers(low, high + 1, n))


def of(value, i):
    return value if isinstance(value, int) else value[i]


def values(rng, shape):
    """Distinct values, or, for a third of the cases, few ones with many ties."""
    if rng.random() < 1 / 3:
        return rng.integers(-1, 2, shape).astype(float)
    return rng.standard_normal(shape)


def shaped(rng, channels, sizes):
    """A batch of 1 to 3 or of none, or a sample without batch dimension."""
    batch = [(int(rng.integers(1, 4)),), (0,), ()][rng.choice(3, p=[0.75, 0.05, 0.2])]
    return (*batch, channels, *map(int, sizes))


def window_sizes(rng, n, kernel, padding, dilation):
    """Random sizes that the dilated kernel fits into."""
    spans = [of(dilation, i) * (of(kernel, i) - 1) + 1 - 2 * of(padding, i) for i in range(n)]
    return [max(1, s) + int(rng.integers(0, 6)) for s in spans]


def convolution(n):
    def draw(rng):
        groups = int(rng.integers(1, 4))
        c, f = groups * int(rng.integers(1, 3)), groups * int(rng.integers(1, 3))
        kernel = tuple(int(k) for k in rng.integers(1, 4, n))
        options = {
            "stride": numbers(rng, 1, 3, n),
            "padding": numbers(rng, 0, 2, n),
            "dilation": numbers(rng, 1, 3, n),
            "groups": groups,
        }
        sizes = window_sizes(rng, n, kernel, options["padding"], options["dilation"])
        if rng.random() < 0.2:
            options["padding"] = "valid" if rng.random() < 0.3 else "same"
            options["stride"] = 1 if options["padding"] == "same" else options["stride"]
            sizes = window_sizes(rng, n, kernel, 0, options["dilation"])
        arrays = [values(rng, shaped(rng, c, sizes)), values(rng, (f, c // groups, *kernel))]
        arrays += [values(rng, (f,))] if rng.random() < 0.6 else []
        return arrays, options

    return draw


def transposed(n):
    def draw(rng):
        groups = int(rng.integers(1, 4))
        c, per_group = groups * int(rng.integers(1, 3)), int(rng.integers(1, 3))
        kernel = tuple(int(k) for k in rng.integers(1, 4, n))
        stride, dilation = numbers(rng, 1, 3, n), numbers(rng, 1, 3, n)
        sizes = [int(s) for s in rng.integers(1, 6, n)]
        extra, padding = [], []
        for i in range(n):
            extra.append(int(rng.integers(0, max(of(stride, i), of(dilation, i)))))
            whole = (sizes[i] - 1) * of(stride, i) + of(dilation, i) * (kernel[i] - 1) + 1
            padding.append(int(rng.integers(0, min(3, (whole + extra[i] - 1) // 2 + 1))))
        options = {
            "stride": stride,
            "padding": tuple(padding),
            "output_padding": tuple(extra),
            "groups": groups,
            "dilation": dilation,
        }
        arrays = [values(rng, shaped(rng, c, sizes)), values(rng, (c, per_group, *kernel))]
        arrays += [values(rng, (per_group * groups,))] if rng.random() < 0.6 else []
        return arrays, options

    return draw


def pooling(n, kind):
    def draw(rng):
        kernel = numbers(rng, 1, 4, n)
        padding = tuple(int(rng.integers(0, of(kernel, i) // 2 + 1)) for i in range(n))
        options = {"kernel_size": kernel, "padding": padding, "ceil_mode": bool(rng.integers(2))}
        if rng.random() < 0.8:
            options["stride"] = numbers(rng, 1, 4, n)
        dilation = 1
        if kind == "max":
            dilation = options["dilation"] = numbers(rng, 1, 2, n)
        if kind == "avg":
            options["count_include_pad"] = bool(rng.integers(2))
            if n == 2 and rng.random() < 0.3:
                options["divisor_override"] = int(rng.integers(1, 6))
        sizes = window_sizes(rng, n, kernel, padding, dilation)
        # Entries spread wider than the image could all fall outside; that is refused.
        sizes = [max(s, of(dilation, i)) for i, s in enumerate(sizes)]
        if kind == "lp":
            del options["padding"]
            options["norm_type"] = [1, 2, 2.0, 3, 2.5, float("inf"), -float("inf")][rng.integers(7)]
            sizes = window_sizes(rng, n, kernel, 0, 1)
        shape = shaped(rng, int(rng.integers(1, 4)), sizes)
        x = rng.uniform(0.1, 2, shape) if kind == "lp" else values(rng, shape)
        return [x], options

    return draw


def adaptive(rng):
    out = (int(rng.integers(1, 6)), int(rng.integers(1, 6)))
    if rng.random() < 0.4:
        out = [out[0], (None, out[1]), (out[0], None), list(out)][rng.integers(4)]
    shape = shaped(rng, int(rng.integers(1, 4)), rng.integers(1, 9, 2))
    return [values(rng, shape)], {"output_size": out}


def unpooling(rng):
    kernel, sizes = numbers(rng, 2, 3, 2), rng.integers(4, 9, 2)
    shape = shaped(rng, int(rng.integers(1, 4)), sizes)
    stride = kernel if rng.random() < 0.5 else numbers(rng, 1, 3, 2)
    x = torch.from_numpy(rng.standard_normal(shape))
    y, places = TF.max_pool2d(x, kernel, stride, return_indices=True)
    options = {"kernel_size": kernel, "stride": stride}
    if rng.random() < 0.5:
        options["output_size"] = tuple(shape)[-2:] if rng.random() < 0.5 or x.ndim < 4 else shape
    smallest = [
        (n - 1) * of(stride, i) + of(kernel, i) for i, n in enumerate(y.shape[-2:])
    ]  # fmt: skip
    if "output_size" not in options:  # the places, in an output of the smallest size
        places = places % (smallest[0] * smallest[1])
    # Overlapping windows can find one place twice, and PyTorch promises no order for writing.
    flat = places.reshape(-1, y.shape[-2] * y.shape[-1])
    if any(len(set(p.tolist())) < len(p) for p in flat):
        return unpooling(rng)
    return [y.numpy(), places.numpy()], options


def windows(rng):
    kernel, dilation, padding, stride = (
        numbers(rng, low, high, 2) for low, high in ((1, 3), (1, 2), (0, 2), (1, 3))
    )
    sizes = window_sizes(rng, 2, kernel, padding, dilation)
    options = {"kernel_size": kernel, "dilation": dilation, "padding": padding, "stride": stride}
    return sizes, options


def unfolding(rng):
    sizes, options = windows(rng)
    return [values(rng, shaped(rng, int(rng.integers(1, 4)), sizes))], options


def folding(rng):
    sizes, options = windows(rng)
    c = int(rng.integers(1, 4))
    x = torch.zeros(1, c, *sizes)
    k, places = TF.unfold(x, **options).shape[1:]
    options["output_size"] = tuple(sizes)
    return [values(rng, shaped(rng, k, [places]))], options


def bordering(rng):
    mode = ["constant", "reflect", "replicate", "circular"][rng.integers(4)]
    if mode == "constant":
        shape = tuple(int(s) for s in rng.integers(1, 5, rng.integers(1, 6)))
        axes = int(rng.integers(1, len(shape) + 1))
    else:
        axes = int(rng.integers(1, 4))
        shape = shaped(rng, 2, rng.integers(2, 6, axes))
        if not shape[0]:
            shape = (2, *shape[1:])
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
    return [values(rng, shape)], options


def resampling(rng):
    mode, n = [("nearest", 1), ("nearest", 2), ("linear", 1), ("bilinear", 2)][rng.integers(4)]
    sizes = [int(s) for s in rng.integers(1, 9, n)]
    options = {"mode": mode}
    if mode != "nearest" and rng.random() < 0.7:
        options["align_corners"] = bool(rng.integers(2))
    if rng.random() < 0.5:
        options["size"] = numbers(rng, 1, 17, n)
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
    batch = 0 if rng.random() < 0.05 else int(rng.integers(1, 4))
    return [values(rng, (batch, int(rng.integers(1, 4)), *sizes))], options


def pixels(rng):
    r = int(rng.integers(1, 4))
    front = tuple(rng.integers(1, 3, rng.integers(0, 3)))
    c = int(rng.integers(1, 3)) * r * r
    shape = (*front, c, *rng.integers(1, 4, 2))
    return [values(rng, shape)], {"upscale_factor": r}


def channels(rng):
    groups = int(rng.integers(1, 4))
    shape = (int(rng.integers(0, 3)), groups * int(rng.integers(1, 4)))
    shape += tuple(rng.integers(1, 4, rng.integers(1, 4)))
    return [values(rng, shape)], {"groups": groups}


CASES = {
    "conv1d": convolution(1),
    "conv2d": convolution(2),
    "conv_transpose1d": transposed(1),
    "conv_transpose2d": transposed(2),
    "max_pool1d": pooling(1, "max"),
    "max_pool2d": pooling(2, "max"),
    "avg_pool1d": pooling(1, "avg"),
    "avg_pool2d": pooling(2, "avg"),
    "lp_pool2d": pooling(2, "lp"),
    "adaptive_avg_pool2d": adaptive,
    "adaptive_max_pool2d": adaptive,
    "max_unpool2d": unpooling,
    "unfold": unfolding,
    "fold": folding,
    "pad": bordering,
    "interpolate": resampling,
    "pixel_shuffle": pixels,
    "channel_shuffle": channels,
}
WITH_INDICES = {"max_pool1d", "max_pool2d", "adaptive_max_pool2d"}


def run(module, function, arrays, options, delta_seed):
    """[output, gradients …] and the indices, if there are any."""
    make = mc.Tensor if module is mc else lambda a: torch.from_numpy(np.ascontiguousarray(a))
    tensors = [make(a) for a in arrays]
    for t in tensors:
        if t.is_floating_point():
            t.requires_grad_()
    out = function(*tensors, **options)
    out, *indices = out if isinstance(out, tuple) else (out,)
    delta = np.random.default_rng(delta_seed).standard_normal(tuple(out.shape))
    delta = delta.astype(arrays[0].dtype)
    out.backward(make(delta))
    found = [np.asarray(out.detach())]
    for t, a in zip(tensors, arrays, strict=True):
        if t.is_floating_point():
            found.append(np.zeros(a.shape, a.dtype) if t.grad is None else np.asarray(t.grad))
    return found, [np.asarray(i) for i in indices]


@pytest.mark.parametrize("name", CASES)
def test_values_and_gradients_are_pytorchs(name):
    for seed in SEEDS:
        rng = np.random.default_rng([seed, *name.encode()])
        arrays, options = CASES[name](rng)
        dtype = "float32" if rng.random() < 0.2 else "float64"
        tolerance = 1e-4 if dtype == "float32" else 1e-7
        arrays = [a if a.dtype.kind == "i" else a.astype(dtype) for a in arrays]
        if name in WITH_INDICES and rng.random() < 0.5:
            options["return_indices"] = True
        theirs, places = run(torch, getattr(TF, name), arrays, options, seed)
        mine = [laid_out(rng, a) for a in arrays]
        ways = {"cpu": getattr(F, name), "plain": getattr(F, name)}
        if seed % 2 and name in EXPANSIONS:
            ways["expansion"] = EXPANSIONS[name]
        for way, function in ways.items():
            with kernels("plain" if way == "plain" else "cpu"):
                found, indices = run(mc, function, mine, options, seed)
            text = f"{name}, case {seed}, {way}: {[a.shape for a in arrays]}, {options}"
            for m, t in zip(found, theirs, strict=True):
                assert m.shape == t.shape, text
                assert m.dtype == t.dtype, text
                np.testing.assert_allclose(m, t, rtol=tolerance, atol=tolerance, err_msg=text)
            for m, t in zip(indices, places, strict=True):
                assert m.dtype == np.int64, text
                np.testing.assert_array_equal(m, t, err_msg=text)
