"""Random numbers, drawn by as many threads as there are."""

import numpy as np

from minicnn.kernels.cuda.launching import launch_each
from minicnn.kernels.registry import register


@register("random_uniform", "cuda")
def random_uniform(numbers, start):
    """Fill an array of one piece with numbers in [0, 1); `start` as in `plain_random`."""
    known = isinstance(start, np.generic)
    # An array of size 1 is passed by value, as it is.
    given = [None, np.array(start)] if known else [start, np.zeros((), np.uint64)]
    arguments = [numbers, *given, numbers.size]
    launch_each("random", "random_uniform", numbers.dtype, numbers.size, arguments)
