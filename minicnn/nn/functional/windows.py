"""Windows as columns, and back."""

from minicnn.checks import ShapeError
from minicnn.functions.operands import tensor_only
from minicnn.functions.shaping import squeeze, unsqueeze
from minicnn.nn.functional.arguments import same_dtype
from minicnn.nn.functional.axes import as_images
from minicnn.ops.windows import Fold, Unfold
from minicnn.shapes import as_tuple, window_output
from minicnn.tensor import apply


def _window_arguments(name, kernel_size, dilation, padding, stride):
    kernel = as_tuple(name, "kernel_size", kernel_size, 2, 1, exact=True)
    stride = as_tuple(name, "stride", stride, 2, 1, exact=True)
    padding = as_tuple(name, "padding", padding, 2, 0, exact=True)
    return kernel, stride, padding, as_tuple(name, "dilation", dilation, 2, 1, exact=True)


def unfold(input, kernel_size, dilation=1, padding=0, stride=1):
    """Every window of an image as a column: col(X), eq. ``im2col``.

    Args:
        input: (N, C, H, W) or (C, H, W); floating point.
        kernel_size, dilation, padding, stride: of the window, as in `conv2d`; padding with zeros.

    Returns:
        (N, C·kh·kw, L), L = OH·OW windows in row-major order; without batch (C·kh·kw, L).

    Raises:
        ShapeError: the window is larger than the padded input. DtypeError: integers.

    >>> import minicnn as mc
    >>> import minicnn.nn.functional as F
    >>> F.unfold(mc.arange(6.0).reshape(1, 2, 3), 2)
    tensor([[0., 1.],
            [1., 2.],
            [3., 4.],
            [4., 5.]])
    """
    name = "unfold"
    input, added = as_images(name, input, 2)
    same_dtype(name, input)
    kernel, stride, padding, dilation = _window_arguments(
        name, kernel_size, dilation, padding, stride
    )
    out = window_output(name, input.shape[2:], kernel, stride, padding, dilation)
    columns = apply(Unfold(kernel, stride, padding, dilation, out), input)
    return squeeze(columns, 0) if added else columns


def fold(input, output_size, kernel_size, dilation=1, padding=0, stride=1):
    """Columns put back as the windows of an image, overlaps added up: im(X), eq. ``im2col``.

    The transpose of `unfold`, not its inverse: ``fold(unfold(x))`` is x times the number of windows
    that see each pixel.

    Args:
        input: (N, C·kh·kw, L) or (C·kh·kw, L); floating point.
        output_size: (H, W) of the image.
        kernel_size, dilation, padding, stride: as in `unfold`.

    Returns:
        (N, C, H, W) or (C, H, W).

    Raises:
        ShapeError: rows that kh·kw does not divide; L is not the number of windows.
        DtypeError: integers.

    >>> import minicnn as mc
    >>> import minicnn.nn.functional as F
    >>> F.fold(mc.ones(4, 2), (2, 3), 2)
    tensor([[[1., 2., 1.],
             [1., 2., 1.]]])
    """
    name = "fold"
    if tensor_only(name, input).ndim not in (2, 3) or 0 in input.shape[-2:]:
        raise ShapeError(
            f"{name}: expected input of shape (N, C·kh·kw, L), or (C·kh·kw, L), where only the "
            f"batch may be empty; got {input.shape}"
        )
    same_dtype(name, input)
    kernel, stride, padding, dilation = _window_arguments(
        name, kernel_size, dilation, padding, stride
    )
    size = as_tuple(name, "output_size", output_size, 2, 1)
    if isinstance(output_size, (tuple, list)) and len(output_size) != 2:
        raise ShapeError(f"{name}: output_size must be (H, W) or one number, got {output_size!r}")
    rows, places = input.shape[-2:]
    if rows % (kernel[0] * kernel[1]):
        raise ShapeError(
            f"{name}: the {rows} rows of input {input.shape} must be C · kh · kw, a multiple of "
            f"the {kernel[0] * kernel[1]} entries of kernel {kernel}"
        )
    out = window_output(name, size, kernel, stride, padding, dilation)
    if out[0] * out[1] != places:
        raise ShapeError(
            f"{name}: output_size {size} has {out[0]} × {out[1]} = {out[0] * out[1]} windows, but "
            f"input {input.shape} holds {places} columns"
        )
    added = input.ndim == 2
    operation = Fold(size, kernel, stride, padding, dilation, out)
    image = apply(operation, unsqueeze(input, 0) if added else input)
    return squeeze(image, 0) if added else image
