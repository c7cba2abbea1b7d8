"""Equations 1.1 to 1.5: from a decaying signal to cross-correlation, and kernels for images."""

from .equation import Equation

DEFINITION = "definition of discrete convolution"
CORRELATION = "definition of discrete cross-correlation"

SIGNALS = (
    Equation(
        key="1.1",
        title="a signal accumulates with decay",
        latex=r"y_t = \sum_{k=1}^{3} w_k \, x_{t-k+1}, \quad w = (1, \frac{1}{2}, \frac{1}{4})",
        plain="y_t = Σ_{k=1..3} w_k · x_{t−k+1}, w = (1, 1/2, 1/4)",
        source=DEFINITION + ", example with three weights",
        note="The signal is 0 before its first value.",
    ),
    Equation(
        key="1.2",
        title="1-D convolution",
        latex=r"y_t = \sum_{k=1}^{m} w_k \, x_{t-k+1}",
        plain="y_t = Σ_{k=1..m} w_k · x_{t−k+1}",
        source=DEFINITION,
        note="m is the length of the filter.",
    ),
    Equation(
        key="1.3",
        title="convolution in short",
        latex=r"y = w * x",
        plain="y = w ∗ x",
        source=DEFINITION,
        note="∗ commutes: w ∗ x = x ∗ w.",
    ),
    Equation(
        key="1.4",
        title="2-D convolution",
        latex=r"y_{ij} = \sum_{u=1}^{m} \sum_{v=1}^{n} w_{uv} \, x_{i-u+1, \, j-v+1}",
        plain="y_ij = Σ_{u=1..m} Σ_{v=1..n} w_uv · x_{i−u+1, j−v+1}",
        source=DEFINITION,
        note="x is 0 outside its bounds, so the result is (M+m−1)×(N+n−1). "
        "The kernel is rotated by 180° against the image.",
    ),
    Equation(
        key="1.5",
        title="cross-correlation",
        latex=r"y_{ij} = \sum_{u=1}^{m} \sum_{v=1}^{n} w_{uv} \, x_{i+u-1, \, j+v-1}, "
        r"\quad Y = W \otimes X",
        plain="y_ij = Σ_{u=1..m} Σ_{v=1..n} w_uv · x_{i+u−1, j+v−1}, Y = W ⊗ X",
        source=CORRELATION,
        note="The kernel is not rotated. This is what frameworks call convolution; "
        "the result is (M−m+1)×(N−n+1).",
    ),
    Equation(
        key="conv-rot180",
        title="convolution is cross-correlation with the rotated kernel",
        latex=r"W * X = \text{rot180}(W) \, \tilde{\otimes} \, X",
        plain="W ∗ X = rot180(W) ⊗~ X",
        source="substituting u → m − u + 1 and v → n − v + 1 in eq. 1.4",
        note="A learned kernel therefore serves either definition: it comes out rotated.",
    ),
    Equation(
        key="wide-swap",
        title="swapping the factors of a wide cross-correlation",
        latex=r"W \, \tilde{\otimes} \, X = \text{rot180}(X \, \tilde{\otimes} \, W), \quad "
        r"\text{rot180}(W) \, \tilde{\otimes} \, X = \text{rot180}(X) \, \tilde{\otimes} \, W",
        plain="W ⊗~ X = rot180(X ⊗~ W), and rot180(W) ⊗~ X = rot180(X) ⊗~ W",
        source="commutativity of ∗ together with conv-rot180",
        note="Convolution commutes; cross-correlation does not: W ⊗~ X ≠ X ⊗~ W in general.",
    ),
    Equation(
        key="gaussian",
        title="Gaussian blur kernel",
        latex=r"G(x) = \frac{1}{\sqrt{2 \pi \sigma^2}} e^{-x^2 / (2 \sigma^2)}, \quad "
        r"G(x, y) = \frac{1}{2 \pi \sigma^2} e^{-(x^2 + y^2) / (2 \sigma^2)}",
        plain="G(x) = exp(−x²/2σ²)/√(2πσ²), G(x, y) = exp(−(x² + y²)/2σ²)/(2πσ²)",
        source="normal distribution; 2-D density of two independent coordinates",
        note="A sampled kernel is divided by its sum, which would darken the image otherwise: "
        "3×3 at σ = 1 sums to 0.779.",
    ),
)
