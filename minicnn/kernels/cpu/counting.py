"""What an array looks like, in one pass over it: a histogram, and its largest entries."""

import numpy as np
from numba import njit

from minicnn.kernels.cpu.jit import jit
from minicnn.kernels.cpu.parallel import own_part
from minicnn.kernels.registry import register

PARTS = 16  # pieces of the array, each counted by itself; the counts are added up
BLOCK = 1024
ASK = -1  # in place of a bin's number: look at the edges


@njit
def _bin_of(v, edges):
    bins = len(edges) - 1
    if not edges[0] <= v <= edges[bins]:  # NaN and infinity, too
        return ASK
    return min(np.searchsorted(edges, v, "right") - 1, bins - 1)


@jit
def _histogram(thread, threads, x, edges, counts):
    parts, bins = counts.shape
    low, high = edges[0], edges[bins]
    per_unit = bins / (high - low)
    # How far the edges and the number of a bin, as computed here, may be off by rounding: in bins.
    doubt = 1e-9 + 1e-15 * max(abs(low), abs(high)) * per_unit
    size = (len(x) + parts - 1) // parts
    for part in own_part(parts, thread, threads):
        numbers = np.empty(BLOCK, np.int32)
        end = min((part + 1) * size, len(x))
        for start in range(part * size, end, BLOCK):
            block = x[start : min(start + BLOCK, end)]
            for i in range(len(block)):  # without a branch, so several at once
                at = (np.float64(block[i]) - low) * per_unit
                k = np.int32(at)
                inside = (at - k > doubt) & (at - k < 1 - doubt) & (at > 0) & (at < bins)
                numbers[i] = k if inside else np.int32(ASK)
            for i in range(len(block)):
                k = numbers[i]
                if k == ASK:
                    k = _bin_of(np.float64(block[i]), edges)
                if k != ASK:
                    counts[part, np.uint32(k)] += 1


@register("histogram", "cpu")
def histogram(x, edges):
    counts = np.zeros((PARTS, len(edges) - 1), np.int64)
    _histogram(x, edges, counts)
    return counts.sum(axis=0)


@jit
def _largest(thread, threads, x, sizes, places):
    parts, count = sizes.shape
    length = (len(x) + parts - 1) // parts
    for part in own_part(parts, thread, threads):
        for i in range(part * length, min((part + 1) * length, len(x))):
            size = abs(np.float64(x[i]))
            if np.isnan(size):
                size = np.inf
            k = count - 1
            if size > sizes[part, k]:
                while k > 0 and sizes[part, k - 1] < size:
                    sizes[part, k], places[part, k] = sizes[part, k - 1], places[part, k - 1]
                    k -= 1
                sizes[part, k], places[part, k] = size, i


@register("largest_entries", "cpu")
def largest_entries(x, count):
    sizes = np.full((PARTS, count), -1.0)
    places = np.zeros((PARTS, count), np.int64)
    _largest(x, sizes, places)
    sizes, places = sizes.ravel(), places.ravel()
    order = np.lexsort((places, -sizes))[: min(count, len(x))]
    return places[order]
