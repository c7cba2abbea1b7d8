"""Maps on another grid: borders that repeat the map, and interpolation."""

from .equation import Equation

GRID = "PyTorch, interpolate"

RESAMPLING = (
    Equation(
        key="pad-modes",
        title="borders that repeat the map",
        latex=r"\text{replicate: } \min(\max(i, 0), n - 1), \quad "
        r"\text{reflect: } n - 1 - |n - 1 - |i||, \quad \text{circular: } i \bmod n",
        plain="y_i = x at: replicate min(max(i, 0), n − 1); reflect n − 1 − |n − 1 − |i||; "
        "circular i mod n",
        source="PyTorch, pad",
        note="i = −p … n − 1 + p, counted from 0. Reflection does not repeat the edge itself and "
        "needs p < n.",
    ),
    Equation(
        key="nearest",
        title="nearest-neighbour resampling",
        latex=r"y_i = x_{\lfloor i \, n / o \rfloor}",
        plain="y_i = x at ⌊i·n/o⌋",
        source=GRID,
        note="n entries become o, counted from 0. Where a scale factor s is given, 1/s takes the "
        "place of n/o.",
    ),
    Equation(
        key="bilinear",
        title="linear resampling, along each axis",
        latex=r"y_i = (1 - \lambda) \, x_k + \lambda \, x_{k+1}, \quad "
        r"k = \lfloor t \rfloor, \quad \lambda = t - k, \quad "
        r"t = \left(i + \frac{1}{2}\right) \frac{n}{o} - \frac{1}{2}",
        plain="y_i = (1 − λ)·x_k + λ·x_{k+1}, k = ⌊t⌋, λ = t − k, t = (i + ½)·n/o − ½",
        source=GRID,
        note="Counted from 0; t is 0 where that is negative. With align_corners t = i·(n − 1)/(o − "
        "1), so that the corners of both grids meet.",
    ),
    Equation(
        key="pixel-shuffle",
        title="channels become pixels",
        latex=r"y_{c, \, h, \, w} = x_{c r^2 + (h \bmod r) r + (w \bmod r), \, "
        r"\lfloor h / r \rfloor, \, \lfloor w / r \rfloor}",
        plain="y_{c,h,w} = x_{c·r² + (h mod r)·r + (w mod r), ⌊h/r⌋, ⌊w/r⌋}",
        source="Shi et al. 2016 (ESPCN), section 3.2",
        note="Counted from 0: r² channels become blocks of r × r pixels.",
    ),
    Equation(
        key="channel-shuffle",
        title="channels of all groups in turn",
        latex=r"y_{j g + i} = x_{i C / g + j}",
        plain="y_{j·g + i} = x_{i·C/g + j}",
        source="Zhang et al. 2018 (ShuffleNet), section 3.1",
        note="Counted from 0: i = 0 … g − 1 counts the groups, j = 0 … C/g − 1 the channels in "
        "each.",
    ),
)
