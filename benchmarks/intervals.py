"""The mean of a few measurements, and how well they say it."""

import math
import statistics

# 97.5 % points of Student's t distribution with n − 1 degrees of freedom, by n.
T_975 = {
    2: 12.706, 3: 4.303, 4: 3.182, 5: 2.776, 6: 2.571, 7: 2.447, 8: 2.365, 9: 2.306, 10: 2.262,
    12: 2.201, 15: 2.145, 20: 2.093,
}  # fmt: skip


def mean_interval(values):
    """The mean, and the half-width of its 95 % interval (nan where n is not in `T_975`).

    Of differences of pairs it is the interval of the paired t test.
    """
    n = len(values)
    mean = statistics.mean(values)
    half = T_975[n] * statistics.stdev(values) / math.sqrt(n) if n in T_975 else math.nan
    return mean, half
