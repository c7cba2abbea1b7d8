"""Random search: draw cells, train each, keep the best.

L. Li and A. Talwalkar, "Random search and reproducibility for neural architecture search", 2019,
found that much cleverer methods are hardly better than this, if each is given the same budget. It
is therefore not a straw man here but the method that the others have to beat.

    python examples/nas/random_search.py --budget 20000 --seed 0
"""

import sys

import numpy as np
from space import SPACE


def search(evaluate, count, seed, space=SPACE):
    """The best of `count` random cells.

    Args:
        evaluate: a function: cell → accuracy on the validation images.
        count: how many cells to try.
        seed: for the draws.

    Returns:
        The cell with the highest accuracy; the first one, where two are equal.
    """
    rng = np.random.default_rng(seed)
    cells = [space.sample(rng) for _ in range(count)]
    accuracies = [evaluate(cell) for cell in cells]
    return cells[int(np.argmax(accuracies))]


if __name__ == "__main__":
    from commands import run_search

    sys.exit(run_search("random search", __doc__))
