"""Where the numbers of a convolution lie, when every window is a shift of a padded image.

Write an image row after row into one long line, with its padding. The pixel that a window's kernel
entry (i, j) looks at lies ``i * pitch + j`` behind the window's first pixel, `pitch` being the
length of a row: the same distance for every window. So for one kernel entry, the pixels that all
windows of the image look at, one window after the other, are simply the line itself, read from
another place. No columns have to be made (im2col), since a column matrix's rows would be copies of
this line, shifted.

Between the last window of a row and the first of the next there are ``pitch − OW`` places that are
no windows. Results are computed there, too, and thrown away: that is cheaper than to jump.

So the fewer such places the better, and zeros are used twice: what pads a row at its right end is
what pads the next row at its left, and the rows below an image are those above the next one. With
padding p a row takes W + p places instead of W + 2p.

With a stride s, windows lie s pixels apart. The image is sorted into s · s smaller ones first (all
pixels whose row and column leave the same remainders by s); a kernel entry looks at one of these,
at stride 1. With a dilation d the entries lie d apart: the distances are ``(i * pitch + j) * d``.
"""

from functools import lru_cache
from typing import NamedTuple

import numpy as np

from minicnn.shapes import output_size


class Lines(NamedTuple):
    """How images are laid out, and where windows find their pixels.

    Attributes:
        parts: (s, s), how far apart the pixels of a small image are, vertically and horizontally;
            then how many of the s · s small images the kernel looks at: so many remainders.
        rows, pitch: the size of a small image, padding included.
        offset: for each k = (channel, i, j), the distance of its pixel from a window's first place,
            in the lines of one image (channel after channel, part after part).
        length: from the first window of an image to behind its last, with what is no window.
        out: (OH, OW).
        behind: so many zeros follow the last channel, which has no next one to share with.
        copied: whether the images have to be copied to lie so.
    """

    parts: tuple
    rows: int
    pitch: int
    offset: np.ndarray
    length: int
    out: tuple
    behind: int
    copied: bool

    @property
    def plane(self):
        """Floats of one channel."""
        return self.parts[2] * self.parts[3] * self.rows * self.pitch


@lru_cache(maxsize=1024)
def lines_of(channels, size, kernel, stride, padding, dilation):
    """The `Lines` in which a convolution reads images of `channels` channels (of one group)."""
    out = tuple(map(output_size, size, kernel, stride, padding, dilation))
    rows, pitch = (-(-(n + 2 * p) // s) for n, p, s in zip(size, padding, stride, strict=True))
    behind = 0
    if stride == (1, 1):
        rows, pitch = (max(n + p, o) for n, p, o in zip(size, padding, out, strict=True))
        behind = padding[0] * pitch + padding[1]
    used = [min(s, (k - 1) * d + 1) for k, s, d in zip(kernel, stride, dilation, strict=True)]
    plane = used[0] * used[1] * rows * pitch
    offset = np.empty((channels, *kernel), np.int64)
    for i in range(kernel[0]):
        for j in range(kernel[1]):
            (down, row), (right, column) = (
                divmod(entry * d, s) for entry, d, s in zip((i, j), dilation, stride, strict=True)
            )
            part = (row * used[1] + column) * rows * pitch
            offset[:, i, j] = part + down * pitch + right
    offset += plane * np.arange(channels).reshape(-1, 1, 1)
    length = (out[0] - 1) * pitch + out[1]
    copied = any(padding) or stride != (1, 1)
    return Lines((*stride, *used), rows, pitch, offset.reshape(-1), length, out, behind, copied)


class Part(NamedTuple):
    """The pixels of ∂L/∂X whose row and column leave the same remainders by the stride.

    They get their gradient by a convolution of stride 1 of the padded δ with some of the kernel's
    entries.

    Attributes:
        row, column: the remainders.
        size: how many such rows and columns there are.
        entries: indices (into the kh · kw entries) of those kernel entries that reach these pixels.
        offset: for each (map, entry), the distance of its δ from the first one.
        length: as in `Lines`.
    """

    row: int
    column: int
    size: tuple
    entries: np.ndarray
    offset: np.ndarray
    length: int


class BackLines(NamedTuple):
    """How δ is laid out for the input gradient: `before` zeros above and left, in `pitch`."""

    before: tuple
    rows: int
    pitch: int
    parts: tuple
    behind: int
    copied: bool


def _reach(n, k, s, p, d):
    """For each remainder r: (pixels, [(kernel entry, distance of its δ)]) along one axis."""
    found = []
    for r in range(min(s, n)):
        # Pixel s·t + r is entry u of the window t + e where (r + p − u·d) = s·e.
        entries = [(u, (r + p - u * d) // s) for u in range(k) if (r + p - u * d) % s == 0]
        found.append((r, -(-(n - r) // s), entries))
    return found


@lru_cache(maxsize=1024)
def back_lines_of(maps, size, kernel, stride, padding, dilation, out):
    """The `BackLines` in which the gradient for inputs of `size` reads δ of `maps` maps."""
    axes = [_reach(*a) for a in zip(size, kernel, stride, padding, dilation, strict=True)]
    before, extent, shared = [], [], []
    for reached, o in zip(axes, out, strict=True):
        distances = [e for _, _, entries in reached for _, e in entries] or [0]
        first = max(0, -min(distances))
        last = max([o] + [count + e for _, count, entries in reached for _, e in entries])
        before.append(first)
        # The zeros behind are the next row's; more of them only if it has too few.
        most = max((count for _, count, _ in reached), default=0)
        extent.append(max(first + o + max(0, last - o - first), most))
        shared.append(min(first, last - o))
    rows, pitch = extent
    behind = shared[0] * pitch + shared[1]
    parts = []
    for row, down, vertical in axes[0]:
        for column, across, horizontal in axes[1]:
            entries = [
                (u * kernel[1] + v, (e + before[0]) * pitch + f + before[1])
                for u, e in vertical
                for v, f in horizontal
            ]
            numbers = np.array([n for n, _ in entries], np.int64)
            distances = np.array([d for _, d in entries], np.int64)
            offset = (np.arange(maps).reshape(-1, 1) * rows * pitch + distances).reshape(-1)
            length = (down - 1) * pitch + across
            parts.append(Part(row, column, (down, across), numbers, offset, length))
    copied = any(before) or (rows, pitch) != tuple(out)
    return BackLines(tuple(before), rows, pitch, tuple(parts), behind, copied)
