"""Images on another grid: pixels repeated (nearest, borders) or mixed (bilinear)."""

import numpy as np

from minicnn.kernels import find
from minicnn.ops.base import Operation


class SelectPlaces(Operation):
    """y_i = x_{place(i)} along each axis;  ∂L/∂x_p = Σ_{i: place(i) = p} δ_i.

    `places` holds pairs (axis, the place in x for each entry of y). So are made the borders that
    repeat the image (eq. ``pad-modes``) and the nearest-neighbour resampling (eq. ``nearest``).
    """

    equations = ("pad-modes", "nearest")
    fresh = True

    def __init__(self, places):
        self.places = places

    def forward(self, x):
        for axis, places in self.places:
            x = x.take(places, axis)
        return x

    def backward(self, delta):
        (shape, _) = self.inputs[0]
        for axis, places in self.places:
            delta = find("add_to_places", delta)(delta, places, shape[axis], axis)
        return delta


class Interpolate(Operation):
    """y_i = (1 − λ_i) x_{l(i)} + λ_i x_{h(i)} along each axis (eq. ``bilinear``).

    δ goes back to both neighbours, in the same shares. `axes` holds (axis, l, h, λ) for each.
    """

    equations = ("bilinear",)
    fresh = True

    def __init__(self, axes):
        self.axes = axes

    def _shares(self, x):
        """(axis, l, h, 1 − λ, λ), with λ along its axis; float16 is worked out in float32."""
        dtype = np.result_type(x.dtype, np.float32)
        for axis, low, high, share in self.axes:
            shape = [1] * x.ndim
            shape[axis] = len(share)
            share = share.astype(dtype).reshape(shape)
            yield axis, low, high, 1 - share, share

    def forward(self, x):
        dtype = x.dtype
        for axis, low, high, to_low, to_high in self._shares(x):
            x = to_low * x.take(low, axis) + to_high * x.take(high, axis)
        return x.astype(dtype, copy=False)

    def backward(self, delta):
        shape, dtype = self.inputs[0]
        add = find("add_to_places", delta)
        for axis, low, high, to_low, to_high in self._shares(delta):
            n = shape[axis]
            delta = add(to_low * delta, low, n, axis) + add(to_high * delta, high, n, axis)
        return delta.astype(dtype, copy=False)
