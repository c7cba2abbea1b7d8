"""Linear layers, dropout and the residual block."""

from .equation import Equation

LAYERS = (
    Equation(
        key="linear",
        title="linear layer and its gradients",
        latex=r"Y = X W^T + b, \quad \frac{\partial L}{\partial X} = \delta W, \quad "
        r"\frac{\partial L}{\partial W} = \delta^T X, \quad "
        r"\frac{\partial L}{\partial b_k} = \sum_{i=1}^{N} \delta_{ik}",
        plain="Y = X·Wᵀ + b; ∂L/∂X = δ·W, ∂L/∂W = δᵀ·X, ∂L/∂b_k = Σ_{i=1..N} δ_ik",
        source="chain rule on eq. 1.10 for a batch",
        note="X is N×in, W out×in, δ = ∂L/∂Y is N×out.",
    ),
    Equation(
        key="dropout",
        title="dropout, inverted",
        latex=r"y_i = \frac{m_i \, x_i}{1 - p}, \quad P(m_i = 0) = p, \quad "
        r"\frac{\partial L}{\partial x_i} = \frac{m_i}{1 - p} \frac{\partial L}{\partial y_i}",
        plain="y_i = m_i·x_i/(1 − p), P(m_i = 0) = p; ∂L/∂x_i = m_i/(1 − p) · ∂L/∂y_i",
        source="Srivastava et al. 2014, sections 4 and 10",
        note="p is the probability of dropping, and it is the activation that becomes 0. The "
        "classic form leaves training unscaled and multiplies by the keep probability 1 − p at "
        "test time; both agree in expectation.",
    ),
    Equation(
        key="stochastic-depth",
        title="stochastic depth",
        latex=r"y = \frac{m}{1 - p} f(x), \quad P(m = 0) = p",
        plain="y = m·f(x)/(1 − p), P(m = 0) = p",
        source="Huang et al. 2016, section 3, in the inverted form",
        note="dropout of a whole residual branch f: one m for each sample, or for the batch.",
    ),
    Equation(
        key="residual",
        title="residual block",
        latex=r"a^{[l+2]} = g(z^{[l+2]} + W_s a^{[l]})",
        plain="a^[l+2] = g(z^[l+2] + W_s a^[l])",
        source="He et al. 2015 (Deep Residual Learning), section 3.2, eqs. (1) and (2)",
        note="W_s is the identity where sizes agree and a learned 1×1 convolution elsewhere. "
        "The gradient of a^[l] adds both paths.",
    ),
)
