"""Compound scaling: Tan & Le, "EfficientNet: Rethinking model scaling for convolutional neural
networks", 2019, section 3.3, and the published networks' numbers.
"""

from typing import NamedTuple

from minicnn.checks import ArgumentError


class CompoundScale(NamedTuple):
    """By what depth, width and image size are multiplied, and what that costs.

    What `compound_scale` gives, a tuple; nothing is raised (equation ``compound-scaling``).

    Attributes:
        depth, width, resolution: α^φ, β^φ and γ^φ.
        flops_per_step: α·β²·γ², which is to be about 2.
        flops: (α·β²·γ²)^φ, by what the multiplications grow.

    >>> compound_scale(2).depth
    1.44
    """

    depth: float
    width: float
    resolution: float
    flops_per_step: float
    flops: float


def compound_scale(phi, alpha=1.2, beta=1.1, gamma=1.15):
    """Depth α^φ, width β^φ, image size γ^φ, where α·β²·γ² ≈ 2 (section 3.3, equation 3).

    A network d times as deep takes d times as many multiplications; one w times as wide, or for
    images r times as large, w² or r² times as many. So with the paper's constraint α·β²·γ² ≈ 2
    every step of φ doubles them: 1.2 · 1.1² · 1.15² = 1.92. (Some texts print ≈ 1, with which
    nothing would grow.)

    B1 to B7 are *not* ``compound_scale(1)`` to ``compound_scale(7)``: they are the published table
    `PUBLISHED`, rounded by hand, in which B1 is about φ = 1/2, B2 φ = 1 and B3 φ = 2, while B4 to
    B7 fit no φ in all three columns.

    Args:
        phi: the coefficient φ, how much larger the network may become.
        alpha, beta, gamma: at least 1; found by a small search around B0, where φ = 1.

    Raises:
        ArgumentError: α, β or γ below 1.

    >>> scale = compound_scale(1)
    >>> scale.depth, scale.width, scale.resolution, round(scale.flops_per_step, 2)
    (1.2, 1.1, 1.15, 1.92)
    """
    if min(alpha, beta, gamma) < 1:
        raise ArgumentError(
            "compound_scale: alpha, beta and gamma must be at least 1 (section 3.3), got "
            f"{alpha}, {beta}, {gamma}"
        )
    step = alpha * beta**2 * gamma**2
    return CompoundScale(alpha**phi, beta**phi, gamma**phi, step, step**phi)


class Published(NamedTuple):
    """A row of the published table: multipliers of B0's width and depth, image size, dropout."""

    width: float
    depth: float
    image_size: int
    dropout: float


# Rounded by hand, as published with the networks (image sizes: section 4, dropout: section 5.2).
PUBLISHED = {
    "efficientnet_b0": Published(1.0, 1.0, 224, 0.2),
    "efficientnet_b1": Published(1.0, 1.1, 240, 0.2),
    "efficientnet_b2": Published(1.1, 1.2, 260, 0.3),
    "efficientnet_b3": Published(1.2, 1.4, 300, 0.3),
    "efficientnet_b4": Published(1.4, 1.8, 380, 0.4),
    "efficientnet_b5": Published(1.6, 2.2, 456, 0.4),
    "efficientnet_b6": Published(1.8, 2.6, 528, 0.5),
    "efficientnet_b7": Published(2.0, 3.1, 600, 0.5),
}
