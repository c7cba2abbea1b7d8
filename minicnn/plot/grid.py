"""Many images in one: `make_grid` and `save_image`, as in torchvision.utils."""

from pathlib import Path

import numpy as np

from minicnn.checks import ArgumentError, DtypeError, MissingPartError, ShapeError, closest
from minicnn.dtypes import is_floating
from minicnn.serialization.atomic import atomic_write
from minicnn.tensor import Tensor


def make_grid(
    tensor,
    nrow=8,
    padding=2,
    normalize=False,
    value_range=None,
    scale_each=False,
    pad_value=0.0,
):
    """Images side by side, row by row, in one image.

    Args:
        tensor: (N, C, H, W), or a list of N tensors (C, H, W) or (H, W); (C, H, W) and (H, W) count
            as one image. Grey images (C = 1) become three equal channels.
        nrow: images in each row.
        padding: width of the lines around the images, in pixels.
        normalize: map values to 0 … 1, from `value_range` or the smallest and largest value; for
            floating-point images.
        value_range: (low, high) for `normalize`; values outside are clamped.
        scale_each: have `normalize` look for the smallest and largest value image by image.
        pad_value: value of the lines.

    Returns:
        A tensor (C, H_grid, W_grid) of the images' dtype, without history. A single image comes
        back without lines around it.

    Raises:
        DtypeError: not a tensor or a list of tensors; `normalize` for integers.
        ShapeError: other dimensions than above, no image at all, or images of unequal sizes.
        ArgumentError: `nrow`, `padding`, `value_range` or `pad_value` outside what they can be.

    Source: torchvision.utils.make_grid.

    >>> import minicnn as mc
    >>> make_grid(mc.zeros(10, 1, 28, 28), nrow=5).shape  # 2 · (28 + 2) + 2, 5 · (28 + 2) + 2
    (3, 62, 152)
    """
    images = _as_batch(tensor)
    _check_options(images, nrow, padding, value_range, pad_value)
    if normalize:
        images = _normalized(images, value_range, scale_each)
    if len(images) == 1:
        return Tensor(images[0])
    count, channels, height, width = images.shape
    columns = min(nrow, count)
    rows = -(-count // columns)  # rounded up
    grid = np.full(
        (channels, rows * (height + padding) + padding, columns * (width + padding) + padding),
        pad_value,
        images.dtype,
    )
    for k, image in enumerate(images):
        top = padding + k // columns * (height + padding)
        left = padding + k % columns * (width + padding)
        grid[:, top : top + height, left : left + width] = image
    return Tensor(grid)


def _as_batch(tensor):
    """The images as one array (N, C, H, W)."""
    if isinstance(tensor, list):
        for i, image in enumerate(tensor):
            if not isinstance(image, Tensor):
                raise DtypeError(
                    "make_grid: expected a tensor or a list of tensors, got a list whose entry "
                    f"{i} is of type {type(image).__name__}"
                )
            if image.shape != tensor[0].shape:
                raise ShapeError(
                    f"make_grid: image {i} has shape {image.shape}, the first one "
                    f"{tensor[0].shape}; all must be equal"
                )
        if not tensor:
            raise ShapeError("make_grid: expected at least one image, got an empty list")
        images = np.stack([image.array for image in tensor])
    elif isinstance(tensor, Tensor):
        images = tensor.array
    else:
        raise DtypeError(
            f"make_grid: expected a tensor or a list of tensors, got {type(tensor).__name__}; "
            "minicnn.tensor(data) makes a tensor from an array"
        )
    if images.ndim not in (2, 3, 4) or 0 in images.shape:
        raise ShapeError(
            "make_grid: expected images (N, C, H, W), (C, H, W) or (H, W), none of them empty, "
            f"got shape {images.shape}"
        )
    if images.ndim == 2:
        images = images[None]
    if images.ndim == 3:
        images = images[None]
    if images.shape[1] == 1:
        images = np.concatenate([images] * 3, axis=1)
    return images


def _check_options(images, nrow, padding, value_range, pad_value):
    for name, value, least in (("nrow", nrow, 1), ("padding", padding, 0)):
        if not hasattr(value, "__index__") or value < least:
            raise ArgumentError(
                f"make_grid: {name} must be an integer of at least {least}, got {value!r}"
            )
    if value_range is not None and not (isinstance(value_range, tuple) and len(value_range) == 2):
        raise DtypeError(
            f"make_grid: value_range must be a tuple (low, high) of numbers, got {value_range!r}"
        )
    if images.dtype.kind in "iu":
        limits = np.iinfo(images.dtype)
        if not limits.min <= pad_value <= limits.max:
            raise ArgumentError(f"make_grid: pad_value {pad_value} is not a {images.dtype}")


def _normalized(images, value_range, scale_each):
    if not is_floating(images.dtype):
        raise DtypeError(
            f"make_grid: normalize needs floating-point images, got {images.dtype}; convert them "
            "first, for example with .float()"
        )
    groups = images if scale_each else images[None]
    return np.stack([_to_unit_range(g, value_range) for g in groups]).reshape(images.shape)


def _to_unit_range(images, value_range):
    low, high = value_range or (float(images.min()), float(images.max()))
    # The divisor must not be 0 where all values are equal.
    span = max(high - low, 1e-5)
    # One step after the other, each rounded to the images' dtype, and with numbers that are not
    # rounded to float16 before: as PyTorch computes it.
    exact = np.float64 if images.dtype == np.float64 else np.float32
    clamped = np.clip(images.astype(exact), exact(low), exact(high)).astype(images.dtype)
    shifted = (clamped.astype(exact) - exact(low)).astype(images.dtype)
    return (shifted.astype(exact) / exact(span)).astype(images.dtype)


def save_image(tensor, fp, format=None, **kwargs):
    """Write images as one picture file, side by side if there are several.

    Args:
        tensor: floating-point images with values in 0 … 1, shapes as for `make_grid`, grey or with
            3 channels. Values outside are clamped; they are rounded to 8 bits.
        fp: a file name, or a file opened for writing bytes.
        format: "png", "jpeg", …; by default the file name's ending.
        kwargs: arguments of `make_grid`; ``normalize=True`` brings any values into 0 … 1.

    Raises:
        MissingPartError: Pillow is not installed.
        DtypeError: images of integers.
        ShapeError: not 3 channels; and what `make_grid` raises.
        ArgumentError: an unknown format.

    Source: torchvision.utils.save_image.

    >>> import minicnn as mc, os, tempfile
    >>> path = os.path.join(tempfile.mkdtemp(), "noise.png")
    >>> save_image(mc.rand(4, 3, 8, 8), path, nrow=2)
    >>> os.path.getsize(path) > 0
    True
    """
    Image = _pillow()
    grid = make_grid(tensor, **kwargs).array
    if not is_floating(grid.dtype):
        raise DtypeError(
            f"save_image: expected floating-point images with values in 0 … 1, got {grid.dtype}; "
            "for 0 … 255, use images.float() / 255"
        )
    if grid.shape[0] != 3:
        raise ShapeError(f"save_image: images have 1 or 3 channels, got {grid.shape[0]}")
    named = not hasattr(fp, "write")
    if format is None:
        ending = Path(fp).suffix.lower() if named else None
        format = Image.registered_extensions().get(ending)
        if format is None:
            raise ArgumentError(
                "save_image: the format is unknown: give a name that ends in .png, or format='png'"
            )
    elif format.upper() not in Image.SAVE and format.lower() != "jpg":
        raise ArgumentError(
            f"save_image: unknown format {format!r}{closest(format.upper(), Image.SAVE)}"
        )
    format = "JPEG" if format.lower() == "jpg" else format
    half = grid.dtype.type(0.5)  # truncation after + 0.5 is rounding
    bytes_ = np.nan_to_num(np.clip(grid * grid.dtype.type(255) + half, 0, 255)).astype(np.uint8)
    image = Image.fromarray(np.ascontiguousarray(bytes_.transpose(1, 2, 0)))  # (H, W, C)
    if named:
        with atomic_write(fp, "save_image") as file:
            image.save(file, format=format)
    else:
        image.save(fp, format=format)


def _pillow():
    try:
        from PIL import Image
    except ImportError:
        raise MissingPartError(
            'save_image: Pillow is not installed; pip install "minicnn[examples]"'
        ) from None
    Image.init()  # has Pillow register all the formats it knows
    return Image
