"""Windows as columns, and back: `Unfold` (im2col) and `Fold` (col2im), each the other's transpose.

Here a sample's windows lie in its own matrix, (N, C·kh·kw, L) with L = OH·OW, as in PyTorch; the
kernels have one matrix for the whole batch, (C·kh·kw, N·L).
"""

from minicnn.arrays import array_module
from minicnn.kernels import find
from minicnn.ops.base import Operation


def _columns(x, kernel, stride, padding, dilation, out):
    """(N, C, H, W) → (N, C·kh·kw, L)."""
    columns = find("im2col", x)(x, kernel, stride, padding, dilation, out)
    columns = columns.reshape(len(columns), len(x), out[0] * out[1])
    return array_module(x).ascontiguousarray(columns.swapaxes(0, 1))


def _images(columns, shape, kernel, stride, padding, dilation, out):
    """(N, C·kh·kw, L) → (N, C, H, W), entries that come from one pixel added up."""
    n, k, places = columns.shape
    columns = columns.swapaxes(0, 1).reshape(k, n * places)
    return find("col2im", columns)(columns, shape, kernel, stride, padding, dilation, out)


class Unfold(Operation):
    """A column holds what one window of x sees: col(X) (eq. ``im2col``);  ∂L/∂x = im(δ)."""

    equations = ("im2col",)
    fresh = True

    def __init__(self, kernel, stride, padding, dilation, out):
        self.options = kernel, stride, padding, dilation, out

    def forward(self, x):
        return _columns(x, *self.options)

    def backward(self, delta):
        return _images(delta, self.inputs[0][0], *self.options)


class Fold(Operation):
    """Every entry is added to the pixel its window saw: im(X) (eq. ``im2col``);  ∂L/∂x = col(δ).

    `size` is (H, W) of the images.
    """

    equations = ("im2col",)
    fresh = True

    def __init__(self, size, kernel, stride, padding, dilation, out):
        self.size, self.options = size, (kernel, stride, padding, dilation, out)

    def forward(self, x):
        n, k, _ = x.shape
        (kh, kw), *_ = self.options
        return _images(x, (n, k // (kh * kw), *self.size), *self.options)

    def backward(self, delta):
        return _columns(delta, *self.options)
