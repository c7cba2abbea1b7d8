"""Convolution by columns and cuBLAS, and depthwise convolution by a kernel of its own.

    Z_n = W · col(X_n)            eq. 1.11, a product for each image n
    ∂L/∂X_n = im(Wᵀ · δ_n)        eq. 1.9
    ∂L/∂W = Σ_n δ_n · col(X_n)ᵀ   eq. 1.12, as one product with all windows of all images

col(X_n) has the shape (C·kh·kw, OH·OW), so that the products of the first line lie in memory as the
result wants it, (N, F, OH, OW), and W serves all images with a step of 0. Of a 1×1 kernel with
stride 1 col(X_n) is X_n: nothing is copied. The columns are computed again for the weight gradient
instead of being kept: they are kh·kw times as large as x.

With groups, group g has its own rows of W, columns and maps: a batch of products for each of them.
"""

from minicnn.arrays import array_module
from minicnn.kernels.cuda.epilogue import finish
from minicnn.kernels.cuda.launching import contiguous, launch, launch_each
from minicnn.kernels.cuda.products import multiply
from minicnn.kernels.registry import register
from minicnn.shapes import output_size

# The columns are made for as many images at a time as fit here, at least for one.
WORKSPACE_BYTES = 128 * 2**20


def _geometry(shape, kernel, stride, padding, dilation, out):
    """(N, C, H, W) and a window as the kernels take them."""
    return [*shape, *kernel, *stride, *padding, *dilation, *out]


@register("im2col", "cuda")
def im2col(x, kernel, stride, padding, dilation, out):
    """(N, C, H, W) → (C·kh·kw, N·OH·OW): a column holds what one window of one image sees."""
    n, c, places = x.shape[0], x.shape[1], out[0] * out[1]
    columns = array_module(x).empty((c * kernel[0] * kernel[1], n * places), x.dtype)
    _fill_columns(x, columns, (kernel, stride, padding, dilation, out), places, n * places)
    return columns


def _fill_columns(x, columns, window, image_step, row_step):
    n, c, out = x.shape[0], x.shape[1], window[-1]
    x = contiguous(x)
    arguments = [x, columns, *_geometry(x.shape, *window), image_step, row_step]
    launch_each("im2col", "im2col", x.dtype, n * c * out[0] * out[1], arguments)


@register("col2im", "cuda")
def col2im(columns, shape, kernel, stride, padding, dilation, out):
    """The transpose of `im2col`: every entry is *added* to the place it was copied from.

    `shape` is that of the images, (N, C, H, W).
    """
    xp = array_module(columns)
    columns = contiguous(columns)
    x, places = xp.empty(shape, columns.dtype), out[0] * out[1]
    window = kernel, stride, padding, dilation, out
    _sum_columns(columns, x, window, places, shape[0] * places)
    return x


def _sum_columns(columns, x, window, image_step, row_step):
    arguments = [columns, x, *_geometry(x.shape, *window), image_step, row_step]
    launch_each("im2col", "col2im", x.dtype, x.size, arguments)


def _chunks(images, floats_per_image, itemsize):
    """Slices of the batch whose columns stay within the workspace."""
    step = max(1, WORKSPACE_BYTES // max(1, floats_per_image * itemsize))
    for start in range(0, images, step):
        yield slice(start, min(start + step, images))


def _is_pointwise(kernel, stride, padding):
    """Whether col(X) is X itself."""
    return kernel == (1, 1) and stride == (1, 1) and padding == (0, 0)


def _is_depthwise(channels, groups):
    return groups == channels and groups > 1


def _by_group(w, a, out, groups):
    """out_ng = w_g a_ng for every image n and group g.

    w (G, rows, inner); a (N, G, inner, columns); out (N, G, rows, columns). One batch of products
    runs over the images or over the groups, whichever are more; a loop over the others.
    """
    if len(a) >= groups:
        for g in range(groups):
            multiply(w[g : g + 1], a[:, g], out[:, g])
    else:
        for n in range(len(a)):
            multiply(w, a[n], out[n])


@register("conv2d", "cuda")
def conv2d(x, w, stride, padding, dilation, groups, bias=None, norm=None, residual=None, act=None):
    """Z = W · col(X) + b, eq. 1.11, and what `finish` makes of it."""
    xp = array_module(x)
    (n, c, *size), (f, _, *kernel) = x.shape, w.shape
    kernel, out = tuple(kernel), tuple(map(output_size, size, kernel, stride, padding, dilation))
    window = kernel, stride, padding, dilation, out
    x, w = contiguous(x), contiguous(w)
    z = xp.empty((n, f, *out), x.dtype)
    if _is_depthwise(c, groups):
        arguments = [x, w, z, *_geometry(x.shape, *window), f]
        launch_each("depthwise", "depthwise", x.dtype, z.size, arguments)
        return finish(z, bias, norm, residual, act)
    k, places = c // groups * kernel[0] * kernel[1], out[0] * out[1]
    rows = w.reshape(groups, f // groups, k)
    results = z.reshape(n, groups, f // groups, places)
    if _is_pointwise(kernel, stride, padding):
        _by_group(rows, x.reshape(n, groups, k, places), results, groups)
        return finish(z, bias, norm, residual, act)
    for part in _chunks(n, groups * k * places, x.itemsize):
        columns = xp.empty((part.stop - part.start, groups, k, places), x.dtype)
        _fill_columns(x[part], columns, window, groups * k * places, places)
        _by_group(rows, columns, results[part], groups)
    return finish(z, bias, norm, residual, act)


@register("conv2d_input_gradient", "cuda")
def conv2d_input_gradient(delta, w, size, stride, padding, dilation, groups):
    """∂L/∂X = im(Wᵀ · δ), eq. 1.9: rot180(W) ⊗~ δ, written as the transpose of the product."""
    xp = array_module(delta)
    (n, f, *out), (_, per_group, *kernel) = delta.shape, w.shape
    c, kernel, out = per_group * groups, tuple(kernel), tuple(out)
    window = kernel, stride, padding, dilation, out
    delta, w = contiguous(delta), contiguous(w)
    dx = xp.empty((n, c, *size), delta.dtype)
    if _is_depthwise(c, groups):
        arguments = [delta, w, dx, *_geometry(dx.shape, *window), f]
        launch_each("depthwise", "depthwise_input_gradient", delta.dtype, dx.size, arguments)
        return dx
    k, places = per_group * kernel[0] * kernel[1], out[0] * out[1]
    transposed = w.reshape(groups, f // groups, k).swapaxes(1, 2)  # (G, K, F/G), a view
    delta = delta.reshape(n, groups, f // groups, places)
    if _is_pointwise(kernel, stride, padding) and tuple(size) == out:
        _by_group(transposed, delta, dx.reshape(n, groups, k, places), groups)
        return dx
    for part in _chunks(n, groups * k * places, delta.itemsize):
        columns = xp.empty((part.stop - part.start, groups, k, places), delta.dtype)
        _by_group(transposed, delta[part], columns, groups)
        _sum_columns(columns, dx[part], window, groups * k * places, places)
    return dx


@register("conv2d_weight_gradient", "cuda")
def conv2d_weight_gradient(delta, x, kernel, stride, padding, dilation, groups):
    """∂L/∂W = Σ over the batch of δ · col(X)ᵀ, eq. 1.12.

    Here the columns of all images of a chunk stand side by side, (C·kh·kw, n·OH·OW), and the sum
    over images and windows is the inner one of a single product. The chunks' products are added to
    the same result, one after the other.
    """
    xp = array_module(x)
    (n, f, *out), c, kernel = delta.shape, x.shape[1], tuple(kernel)
    window = kernel, stride, padding, dilation, tuple(out)
    delta, x = contiguous(delta), contiguous(x)
    dw = xp.empty((f, c // groups, *kernel), delta.dtype)
    if _is_depthwise(c, groups):
        arguments = [delta, x, dw, *_geometry(x.shape, *window), f]
        if dw.size:
            blocks = min(dw.size, 2**16)
            launch("depthwise", "depthwise_weight_gradient", x.dtype, blocks, arguments)
        return dw
    k, places = c // groups * kernel[0] * kernel[1], out[0] * out[1]
    result = dw.reshape(groups, f // groups, k)
    if n == 0:
        result[...] = 0
    for part in _chunks(n, groups * k * places, x.itemsize):
        images = part.stop - part.start
        columns = xp.empty((groups, k, images * places), x.dtype)
        _fill_columns(x[part], columns, window, places, images * places)
        # (n, F, OH, OW) → (G, F/G, n·OH·OW): a row holds one map of all images.
        rows = contiguous(delta[part].swapaxes(0, 1))
        rows = rows.reshape(groups, f // groups, images * places)
        multiply(rows, columns.swapaxes(1, 2), result, accumulate=part.start > 0)
    return dw
