"""Layers that move values about: to another grid, to other channels, into columns."""

from minicnn.checks import ArgumentError, DtypeError, ShapeError, dimension
from minicnn.functions.operands import tensor_only
from minicnn.nn import functional as F
from minicnn.nn.functional.options import number
from minicnn.nn.module import Module


class Upsample(Module):
    """The input (N, C, H, W) or (N, C, L) on a larger, or smaller, grid (``nearest``,
    ``bilinear``).

    As ``torch.nn.Upsample``.

    Args:
        size: the new size, a number or one an axis.
        scale_factor: or by how much it grows; one of the two.
        mode: ``"nearest"``, ``"nearest-exact"``, ``"linear"`` or ``"bilinear"``.
        align_corners: for the linear ones: corner pixels keep their values.
        recompute_scale_factor: compute with the sizes, not with the factor as given.

    Raises:
        ArgumentError: called, where both or neither of size and factor are given, or another mode.
        ShapeError: called on other dimensions than the mode has.
        DtypeError: called on what is not a floating-point tensor.

    >>> import minicnn as mc
    >>> mc.nn.Upsample(scale_factor=2, mode="bilinear")(mc.ones(1, 3, 4, 5)).shape
    (1, 3, 8, 10)
    """

    def __init__(
        self,
        size=None,
        scale_factor=None,
        mode="nearest",
        align_corners=None,
        recompute_scale_factor=None,
    ):
        super().__init__()
        self.size, self.mode, self.align_corners = size, mode, align_corners
        if isinstance(scale_factor, tuple):
            self.scale_factor = tuple(number("Upsample", "scale_factor", s) for s in scale_factor)
        else:
            given = scale_factor is not None
            factor = number("Upsample", "scale_factor", scale_factor) if given else None
            self.scale_factor = factor or None
        self.recompute_scale_factor = recompute_scale_factor

    def forward(self, input):
        return F.interpolate(
            input,
            self.size,
            self.scale_factor,
            self.mode,
            self.align_corners,
            self.recompute_scale_factor,
        )

    def extra_repr(self):
        given = "size" if self.scale_factor is None else "scale_factor"
        return f"{given}={getattr(self, given)!r}, mode={self.mode!r}"


class PixelShuffle(Module):
    """(…, C·r², H, W) → (…, C, H·r, W·r), r = `upscale_factor` (equation ``pixel-shuffle``).

    As ``torch.nn.PixelShuffle``.

    Args:
        upscale_factor: r, an integer ≥ 1.

    Raises:
        ShapeError: called on fewer than three dimensions, or channels that r² does not divide.
        ArgumentError: called, where r < 1.

    >>> import minicnn as mc
    >>> mc.nn.PixelShuffle(2)(mc.ones(1, 8, 3, 3)).shape
    (1, 2, 6, 6)
    """

    def __init__(self, upscale_factor):
        super().__init__()
        self.upscale_factor = upscale_factor

    def forward(self, input):
        return F.pixel_shuffle(input, self.upscale_factor)

    def extra_repr(self):
        return f"upscale_factor={self.upscale_factor}"


class ChannelShuffle(Module):
    """The channels of all groups in turn (equation ``channel-shuffle``).

    As ``torch.nn.ChannelShuffle``.

    Args:
        groups: how many groups there are; divides the number of channels.

    Raises:
        ShapeError: called on fewer than three dimensions, or channels that `groups` does not
            divide.
        ArgumentError: called, where `groups` < 1.

    >>> import minicnn as mc
    >>> mc.nn.ChannelShuffle(2)(mc.arange(4).reshape(1, 4, 1)).flatten()
    tensor([0, 2, 1, 3])
    """

    def __init__(self, groups):
        super().__init__()
        self.groups = groups

    def forward(self, input):
        return F.channel_shuffle(input, self.groups)

    def extra_repr(self):
        return f"groups={self.groups}"


class Unfold(Module):
    """Every window as a column (equation ``im2col``).

    As ``torch.nn.Unfold``.

    (N, C, H, W) → (N, C·kh·kw, L), for L windows.

    Args:
        kernel_size, dilation, padding, stride: numbers, or pairs (vertical, horizontal).

    Raises:
        ShapeError: called on other shapes.
        ArgumentError: called, where a size is out of range.
        DtypeError: called on what is not a floating-point tensor.

    >>> import minicnn as mc
    >>> mc.nn.Unfold(3)(mc.ones(2, 4, 5, 6)).shape
    (2, 36, 12)
    """

    def __init__(self, kernel_size, dilation=1, padding=0, stride=1):
        super().__init__()
        self.kernel_size, self.dilation = kernel_size, dilation
        self.padding, self.stride = padding, stride

    def forward(self, input):
        return F.unfold(input, self.kernel_size, self.dilation, self.padding, self.stride)

    def extra_repr(self):
        return (
            f"kernel_size={self.kernel_size}, dilation={self.dilation}, padding={self.padding}, "
            f"stride={self.stride}"
        )


class Fold(Module):
    """Columns as the windows of an image, added up where they overlap (equation ``im2col``).

    As ``torch.nn.Fold``.

    (N, C·kh·kw, L) → (N, C, H, W): the transpose of `Unfold`.

    Args:
        output_size: (H, W).
        kernel_size, dilation, padding, stride: numbers, or pairs (vertical, horizontal).

    Raises:
        ShapeError: called on other shapes.
        ArgumentError: called, where a size is out of range.
        DtypeError: called on what is not a floating-point tensor.

    >>> import minicnn as mc
    >>> mc.nn.Fold((5, 6), 3)(mc.ones(2, 36, 12)).shape
    (2, 4, 5, 6)
    """

    def __init__(self, output_size, kernel_size, dilation=1, padding=0, stride=1):
        super().__init__()
        self.output_size, self.kernel_size = output_size, kernel_size
        self.dilation, self.padding, self.stride = dilation, padding, stride

    def forward(self, input):
        return F.fold(
            input, self.output_size, self.kernel_size, self.dilation, self.padding, self.stride
        )

    def extra_repr(self):
        return (
            f"output_size={self.output_size}, kernel_size={self.kernel_size}, "
            f"dilation={self.dilation}, padding={self.padding}, stride={self.stride}"
        )


class Unflatten(Module):
    """One dimension as several: the way back from `Flatten`.

    As ``torch.nn.Unflatten``.

    Args:
        dim: the dimension; an integer.
        unflattened_size: the sizes it becomes, whose product it is; one may be −1.

    Raises:
        DtypeError: sizes that are not a tuple or list of integers. Called on an input that does
        not fit: ShapeError, and IndexRangeError where it has no dimension `dim`.

    >>> import minicnn as mc
    >>> mc.nn.Unflatten(1, (2, 5, 5))(mc.ones(3, 50)).shape
    (3, 2, 5, 5)
    """

    def __init__(self, dim, unflattened_size):
        super().__init__()
        if isinstance(dim, str):
            raise DtypeError(f"Unflatten: dimensions have no names here; dim {dim!r} is not an int")
        sizes = unflattened_size
        if not isinstance(sizes, (tuple, list)) or any(type(s) is not int for s in sizes):
            raise DtypeError(
                f"Unflatten: unflattened_size must be a tuple of integers, got {sizes!r}"
            )
        self.dim, self.unflattened_size = dim, unflattened_size

    def forward(self, input):
        dim = dimension("Unflatten", self.dim, tensor_only("Unflatten", input).ndim)
        if not input.ndim:
            raise ShapeError("Unflatten: a 0-d tensor has no dimension to unflatten")
        sizes = self._filled_in(input.shape[dim], input.shape)
        return input.reshape(*input.shape[:dim], *sizes, *input.shape[dim + 1 :])

    def _filled_in(self, n, shape):
        """The sizes, with −1 replaced by what is left of n."""
        sizes, known = list(self.unflattened_size), 1
        if not sizes:
            raise ArgumentError("Unflatten: unflattened_size must not be empty")
        if sizes.count(-1) > 1 or min(sizes) < -1:
            raise ArgumentError(f"Unflatten: sizes must be ≥ 0 with at most one −1, got {sizes}")
        for s in sizes:
            known *= 1 if s == -1 else s
        fits = (known and n % known == 0) if -1 in sizes else known == n
        if not fits:
            raise ShapeError(
                f"Unflatten: dimension {self.dim} of an input of shape {shape} has {n} entries, "
                f"which do not make {tuple(sizes)}"
            )
        return [n // known if s == -1 else s for s in sizes]

    def extra_repr(self):
        return f"dim={self.dim}, unflattened_size={self.unflattened_size}"
