"""Equations 1.6 to 1.9: derivatives of a scalar f(Y) with Y = W ⊗ X; and what they rest on."""

from .equation import Equation

DERIVATION = "the δ-propagation derivation"

DERIVATIVES = (
    Equation(
        key="1.6",
        title="derivative with respect to one weight",
        latex=r"\frac{\partial f}{\partial w_{uv}} = \sum_{i=1}^{M-m+1} \sum_{j=1}^{N-n+1} "
        r"\frac{\partial f}{\partial y_{ij}} \, x_{u+i-1, \, v+j-1}",
        plain="∂f/∂w_uv = Σ_{i=1..M−m+1} Σ_{j=1..N−n+1} (∂f/∂y_ij) · x_{u+i−1, v+j−1}",
        source=DERIVATION + ": chain rule on eq. 1.5",
    ),
    Equation(
        key="1.7",
        title="derivative with respect to the kernel",
        latex=r"\frac{\partial f}{\partial W} = \frac{\partial f}{\partial Y} \otimes X",
        plain="∂f/∂W = (∂f/∂Y) ⊗ X",
        source=DERIVATION + ": eq. 1.6 for all u, v",
    ),
    Equation(
        key="1.8",
        title="derivative with respect to one input value",
        latex=r"\frac{\partial f}{\partial x_{st}} = \sum_{i=1}^{M-m+1} \sum_{j=1}^{N-n+1} "
        r"\frac{\partial f}{\partial y_{ij}} \, w_{s-i+1, \, t-j+1}",
        plain="∂f/∂x_st = Σ_{i=1..M−m+1} Σ_{j=1..N−n+1} (∂f/∂y_ij) · w_{s−i+1, t−j+1}",
        source=DERIVATION + ": chain rule on eq. 1.5",
        note="w is 0 outside 1..m, 1..n: a true convolution with zero padding.",
    ),
    Equation(
        key="1.9",
        title="derivative with respect to the input",
        latex=r"\frac{\partial f}{\partial X} "
        r"= \text{rot180}\left(\frac{\partial f}{\partial Y}\right) \tilde{\otimes} \, W "
        r"= \text{rot180}(W) \, \tilde{\otimes} \, \frac{\partial f}{\partial Y}",
        plain="∂f/∂X = rot180(∂f/∂Y) ⊗~ W = rot180(W) ⊗~ (∂f/∂Y)",
        source=DERIVATION + ": eq. 1.8 for all s, t",
        note="Both right-hand sides hold ∂f/∂Y.",
    ),
    Equation(
        key="chain-rule",
        title="chain rule",
        latex=r"\frac{\partial L}{\partial x_i} = \sum_{j} \frac{\partial L}{\partial y_j} "
        r"\, \frac{\partial y_j}{\partial x_i}",
        plain="∂L/∂x_i = Σ_j (∂L/∂y_j) · (∂y_j/∂x_i)",
        source="calculus; as back-propagation: Rumelhart, Hinton and Williams, 1986",
        note="The sum runs over every path from x_i to L: "
        "what is used twice gets the sum of two gradients.",
    ),
    Equation(
        key="broadcast",
        title="gradient of broadcasting",
        latex=r"y_{ij} = x_j \quad \Rightarrow \quad \frac{\partial L}{\partial x_j} "
        r"= \sum_{i} \frac{\partial L}{\partial y_{ij}}",
        plain="y_ij = x_j ⇒ ∂L/∂x_j = Σ_i ∂L/∂y_ij",
        source="chain rule: one value is used once for every i",
        note="Sum over the axes that broadcasting added or stretched.",
    ),
    Equation(
        key="sum",
        title="gradient of a sum",
        latex=r"y = \sum_{i} x_i \quad \Rightarrow \quad \frac{\partial L}{\partial x_i} "
        r"= \frac{\partial L}{\partial y}",
        plain="y = Σ_i x_i ⇒ ∂L/∂x_i = ∂L/∂y",
        source="chain rule",
        note="The counterpart of broadcast: the upstream gradient is copied to every x_i.",
    ),
    Equation(
        key="mean",
        title="gradient of a mean",
        latex=r"y = \frac{1}{n} \sum_{i=1}^{n} x_i \quad \Rightarrow \quad "
        r"\frac{\partial L}{\partial x_i} = \frac{1}{n} \frac{\partial L}{\partial y}",
        plain="y = (1/n) Σ_{i=1..n} x_i ⇒ ∂L/∂x_i = (1/n) · ∂L/∂y",
        source="chain rule",
    ),
    Equation(
        key="add",
        title="gradient of a sum of two values",
        latex=r"z = x + y \quad \Rightarrow \quad \frac{\partial L}{\partial x} "
        r"= \frac{\partial L}{\partial y} = \frac{\partial L}{\partial z}",
        plain="z = x + y ⇒ ∂L/∂x = ∂L/∂y = ∂L/∂z",
        source="chain rule",
    ),
    Equation(
        key="mul",
        title="gradient of an element-wise product",
        latex=r"z = x \odot y \quad \Rightarrow \quad \frac{\partial L}{\partial x} "
        r"= \frac{\partial L}{\partial z} \odot y, \quad \frac{\partial L}{\partial y} "
        r"= \frac{\partial L}{\partial z} \odot x",
        plain="z = x ⊙ y ⇒ ∂L/∂x = (∂L/∂z) ⊙ y, ∂L/∂y = (∂L/∂z) ⊙ x",
        source="chain rule and product rule",
    ),
    Equation(
        key="matmul",
        title="gradient of a matrix product",
        latex=r"Y = A B \quad \Rightarrow \quad \frac{\partial L}{\partial A} "
        r"= \frac{\partial L}{\partial Y} B^T, \quad \frac{\partial L}{\partial B} "
        r"= A^T \frac{\partial L}{\partial Y}",
        plain="Y = A·B ⇒ ∂L/∂A = (∂L/∂Y)·Bᵀ, ∂L/∂B = Aᵀ·(∂L/∂Y)",
        source="chain rule on y_ij = Σ_k a_ik · b_kj",
    ),
    Equation(
        key="finite-difference",
        title="central difference along a direction",
        latex=r"\frac{L(x + h v) - L(x - h v)}{2 h} "
        r"= \sum_{i} \frac{\partial L}{\partial x_i} v_i + O(h^2)",
        plain="(L(x + h·v) − L(x − h·v))/(2h) = Σ_i (∂L/∂x_i) · v_i + O(h²)",
        source="Taylor expansion",
        note="L = Σ_j δ_j · y_j with a random δ: a constant δ hides wrong gradients.",
    ),
)
