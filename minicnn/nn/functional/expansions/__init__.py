"""Expansions: each fused function once more, written with simpler functions of tensors.

`EXPANSIONS` leads from a function's name to a function of the same arguments with the same result
and the same gradients.
"""

from minicnn.nn.functional.expansions import (
    activations,
    borders,
    linear,
    losses,
    normalization,
    pooling,
    resampling,
    windows,
)

EXPANSIONS = {
    **windows.EXPANSIONS,
    **pooling.EXPANSIONS,
    **borders.EXPANSIONS,
    **resampling.EXPANSIONS,
    **linear.EXPANSIONS,
    **activations.EXPANSIONS,
    **normalization.EXPANSIONS,
    **losses.EXPANSIONS,
}
