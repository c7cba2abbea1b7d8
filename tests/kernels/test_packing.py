"""Weights in the order of rectangles, whatever the sizes leave over."""

import numpy as np
import pytest

from minicnn.kernels.cpu.packing import pack
from minicnn.kernels.cpu.rectangles import TILES


@pytest.mark.parametrize("swap", [False, True])
@pytest.mark.parametrize("seed", range(60))
def test_every_weight_is_in_its_place(seed, swap):
    rng = np.random.default_rng(seed)
    groups, maps, channels = rng.integers(1, [4, 70, 70])
    size = int(rng.choice([1, 2, 6, 9, 15, 16, 17, 25]))
    w = rng.standard_normal((groups, maps, channels, size)).astype("float32")
    entries = np.arange(size)
    if seed % 4 == 0:  # those that one part of a strided convolution needs, perhaps none
        entries = entries[rng.random(size) < 0.4]
    rows = TILES[seed % len(TILES)][0]
    outer, inner = (channels, maps) if swap else (maps, channels)
    shape = groups, -(-outer // rows), inner * len(entries), rows
    # Behind it is memory that nobody may write to; before it, what another thread wrote.
    memory = np.full(np.prod(shape) + 64, np.nan, np.float32)
    packed = memory[32 : 32 + np.prod(shape)].reshape(shape)
    pack(w, entries, packed, swap)
    assert np.isnan(memory[:32]).all() and np.isnan(memory[32 + packed.size :]).all()
    chosen = w[..., entries]  # (groups, maps, channels, entries)
    turned = chosen.transpose(0, 1, 3, 2) if swap else chosen.transpose(0, 2, 3, 1)
    turned = turned.reshape(groups, shape[2], outer)  # (groups, K, outer)
    found = packed.transpose(0, 2, 1, 3).reshape(groups, shape[2], shape[1] * rows)[:, :, :outer]
    np.testing.assert_array_equal(found, turned)
