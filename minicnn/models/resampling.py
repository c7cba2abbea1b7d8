"""Images made smaller or larger without jagged edges: every new pixel is a mean of old ones.

New pixel i looks at the old ones around its centre c = (i + ½) · scale − ½ (scale: old size / new
size), with weights w_j = w((j − c) / r) that fall with the distance: x̃(i) = Σ_j w_j x(j) / Σ_j w_j.
Where the image shrinks, r = scale: the weights reach as far as the pixels that vanish, which is
called antialiasing; else r = 1. First along the rows, then along the columns: two products with
matrices.

Source of the cubic w: R. Keys, "Cubic convolution interpolation for digital image processing",
1981, with a = −½. Pillow and PyTorch's ``antialias=True`` use the same.
"""

import numpy as np

# Pillow computes with integers: its weights are multiples of 2⁻²².
_FIXED_POINT = 1 << 22


def _bilinear(x):
    return max(1 - abs(x), 0.0)


def _bicubic(x, a=-0.5):
    x = abs(x)
    if x < 1:
        return ((a + 2) * x - (a + 3)) * x * x + 1
    if x < 2:
        return (((x - 5) * x + 8) * x - 4) * a
    return 0.0


# The weights, and how far they reach.
INTERPOLATIONS = {"bilinear": (_bilinear, 1), "bicubic": (_bicubic, 2)}


def resampling_matrix(old, new, interpolation="bilinear"):
    """The matrix of shape (new, old) whose product with a row of `old` pixels gives `new` ones.

    >>> resampling_matrix(4, 2)
    array([[0.42857143, 0.42857143, 0.14285714, 0.        ],
           [0.        , 0.14285714, 0.42857143, 0.42857143]])
    """
    weight, reach = INTERPOLATIONS[interpolation]
    scale = old / new
    radius = max(scale, 1.0)
    matrix = np.zeros((new, old))
    for i in range(new):
        centre = (i + 0.5) * scale
        first = max(int(centre - reach * radius + 0.5), 0)
        last = min(int(centre + reach * radius + 0.5), old)
        weights = [weight((j - centre + 0.5) / radius) for j in range(first, last)]
        total = sum(weights)
        matrix[i, first:last] = [w / total for w in weights]
    return matrix


def resize(images, height, width, interpolation="bilinear"):
    """Images (…, H, W) of floating-point numbers as (…, height, width), in float64."""
    rows = resampling_matrix(images.shape[-2], height, interpolation)
    columns = resampling_matrix(images.shape[-1], width, interpolation)
    return rows @ (images @ columns.T)


def resize_bytes(images, height, width, interpolation="bilinear"):
    """uint8 images (…, H, W) as (…, height, width), to the bit as Pillow up to 12 does it.

    Pillow rounds after each of the two steps. In float64 the sums of its integers are exact.
    (Pillow 13 takes the other step first with some tall images: then values differ a little.)
    """
    for old, new in ((-1, width), (-2, height)):
        matrix = resampling_matrix(images.shape[old], new, interpolation) * _FIXED_POINT
        matrix = np.trunc(matrix + np.copysign(0.5, matrix))  # as Pillow rounds: halves away from 0
        images = images.astype(np.float64)
        images = images @ matrix.T if old == -1 else matrix @ images
        images = np.floor((images + _FIXED_POINT // 2) / _FIXED_POINT).clip(0, 255).astype(np.uint8)
    return images
