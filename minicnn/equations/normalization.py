"""Batch normalisation and its relatives, local response normalisation."""

from .equation import Equation

BN = "Ioffe and Szegedy 2015, section 3"

NORMALIZATION = (
    Equation(
        key="bn",
        title="batch normalisation",
        latex=r"\hat{x} = \frac{x - \mu}{\sqrt{\sigma^2 + \epsilon}}, \quad "
        r"y = \gamma \hat{x} + \beta",
        plain="x̂ = (x − μ)/√(σ² + ε), y = γ·x̂ + β",
        source=BN + ", algorithm 1",
        note="Per channel over (N, H, W). Training uses the batch's mean and biased variance, "
        "evaluation the running ones; ε = 1e-5. Stands between convolution and activation, and "
        "the convolution then needs no bias.",
    ),
    Equation(
        key="bn-backward",
        title="gradients of batch normalisation",
        latex=r"\frac{\partial L}{\partial \beta} = \sum_{i} \delta_i, \quad "
        r"\frac{\partial L}{\partial \gamma} = \sum_{i} \delta_i \hat{x}_i, \quad "
        r"\frac{\partial L}{\partial x_i} = \frac{\gamma}{M \sqrt{\sigma^2 + \epsilon}} "
        r"\left(M \delta_i - \frac{\partial L}{\partial \beta} "
        r"- \hat{x}_i \frac{\partial L}{\partial \gamma}\right)",
        plain="∂L/∂β = Σ_i δ_i; ∂L/∂γ = Σ_i δ_i·x̂_i; "
        "∂L/∂x_i = γ/(M·√(σ² + ε)) · (M·δ_i − ∂L/∂β − x̂_i·∂L/∂γ)",
        source=BN + ", gradients simplified by Σ_i x̂_i = 0",
        note="i runs over the M = N·H·W values of a channel.",
    ),
    Equation(
        key="bn-running",
        title="running statistics",
        latex=r"r \leftarrow (1 - m) \, r + m \, s",
        plain="r ← (1 − m)·r + m·s",
        source=BN + ".1, as an exponential moving average",
        note="m = 0.1 is the momentum, s the batch's mean or its unbiased variance σ²·M/(M − 1).",
    ),
    Equation(
        key="layer-norm",
        title="layer normalisation",
        latex=r"\hat{x} = \frac{x - \mu}{\sqrt{\sigma^2 + \epsilon}}, \quad "
        r"y = \gamma \odot \hat{x} + \beta",
        plain="x̂ = (x − μ)/√(σ² + ε), y = γ ⊙ x̂ + β, μ and σ² over one sample's last axes",
        source="Ba, Kiros and Hinton 2016, section 3",
    ),
    Equation(
        key="group-norm",
        title="group normalisation",
        latex=r"\hat{x} = \frac{x - \mu_g}{\sqrt{\sigma_g^2 + \epsilon}}, \quad "
        r"y = \gamma_c \hat{x} + \beta_c",
        plain="x̂ = (x − μ_g)/√(σ_g² + ε), y = γ_c·x̂ + β_c, "
        "μ_g and σ_g² over one sample's group of channels",
        source="Wu and He 2018, section 3",
        note="One group: all channels together; as many groups as channels: instance norm.",
    ),
    Equation(
        key="instance-norm",
        title="instance normalisation",
        latex=r"\hat{x} = \frac{x - \mu_{nc}}{\sqrt{\sigma_{nc}^2 + \epsilon}}, \quad "
        r"y = \gamma_c \hat{x} + \beta_c",
        plain="x̂ = (x − μ_nc)/√(σ_nc² + ε), y = γ_c·x̂ + β_c, "
        "μ_nc and σ_nc² over one channel of one sample",
        source="Ulyanov, Vedaldi and Lempitsky 2016, eq. (5)",
    ),
    Equation(
        key="norm-backward",
        title="gradient of a normalisation",
        latex=r"g = \gamma \odot \delta, \quad \frac{\partial L}{\partial x_i} "
        r"= \frac{1}{\sqrt{\sigma^2 + \epsilon}} \left(g_i - \frac{1}{M} \sum_{j=1}^{M} g_j "
        r"- \hat{x}_i \frac{1}{M} \sum_{j=1}^{M} g_j \hat{x}_j\right)",
        plain="g = γ ⊙ δ; ∂L/∂x_i = (g_i − (1/M)·Σ_j g_j − x̂_i·(1/M)·Σ_j g_j·x̂_j)/√(σ² + ε)",
        source=BN + ", with a γ for each element",
        note="j runs over the M values that share μ and σ². bn-backward is the case of one γ for "
        "all of them.",
    ),
    Equation(
        key="lrn",
        title="local response normalisation",
        latex=r"b^i = \frac{a^i}{\left(k + \alpha "
        r"\sum_{j=\max(0, i-n/2)}^{\min(N-1, i+n/2)} (a^j)^2\right)^{\beta}}",
        plain="b^i = a^i/(k + α · Σ_{j=max(0,i−n/2)..min(N−1,i+n/2)} (a^j)²)^β",
        source="Krizhevsky et al. 2012 (AlexNet), section 3.3",
        note="k = 2, n = 5, α = 1e-4, β = 0.75. i and j count channels from 0, N is their number, "
        "n/2 an integer division. PyTorch divides α by n, so this layer is size=5, alpha=5e-4 "
        "there; for even n its window is i − n/2 … i + (n − 1)//2.",
    ),
    Equation(
        key="lrn-backward",
        title="gradient of local response normalisation",
        latex=r"\frac{\partial L}{\partial a^i} = \delta^i (s^i)^{-\beta} - 2 \alpha \beta \, a^i "
        r"\sum_{j : \, |i - j| \le n/2} \delta^j a^j (s^j)^{-\beta - 1}",
        plain="∂L/∂a^i = δ^i·(s^i)^(−β) − 2αβ·a^i · Σ_{j: |i−j| ≤ n/2} δ^j·a^j·(s^j)^(−β−1)",
        source="chain rule on lrn, with b^j = a^j·(s^j)^(−β)",
        note="s^j = k + α·Σ (a)² over j's window; the sum runs over the windows that hold i.",
    ),
    Equation(
        key="lp-norm",
        title="p-norm and its gradient",
        latex=r"r = \left(\sum_{i} |x_i|^p\right)^{1/p}, \quad \frac{\partial r}{\partial x_i} "
        r"= \text{sign}(x_i) \left(\frac{|x_i|}{r}\right)^{p-1}",
        plain="r = (Σ_i |x_i|^p)^(1/p); ∂r/∂x_i = sign(x_i)·(|x_i|/r)^(p−1)",
        source="definition",
        note="p = 2: x_i/r. p = ∞: the greatest |x_i|, whose gradient equal ones share. At r = 0, "
        "where there is no derivative, 0 is used.",
    ),
)
