"""How large outputs are, what a layer costs, and how far a unit sees."""

from .convolution import ARITHMETIC
from .equation import Equation

SIZES = (
    Equation(
        key="conv-size",
        title="output size of a convolution or pooling",
        latex=r"o = \left\lfloor \frac{n + 2p - m'}{s} \right\rfloor + 1, "
        r"\quad m' = m + (m - 1)(d - 1)",
        plain="o = ⌊(n + 2p − m')/s⌋ + 1, m' = m + (m − 1)(d − 1)",
        source=ARITHMETIC + ", chapters 2, 3 and 5",
        note="Narrow: s = 1, p = 0. Wide: s = 1, p = m' − 1. Equal-width: s = 1, p = d(m − 1)/2 "
        "with m odd. ceil_mode takes ⌈ ⌉ and drops a last window that would start beyond the "
        "input and its left padding.",
    ),
    Equation(
        key="conv-r",
        title="rows and columns that no window reaches",
        latex=r"r = (n + 2p - m') \bmod s",
        plain="r = (n + 2p − m') mod s",
        source=ARITHMETIC + ", section 4.6",
        note="They lie at the bottom and at the right.",
    ),
    Equation(
        key="conv-transpose-size",
        title="output size of a transposed convolution",
        latex=r"o = (n - 1) s - 2p + d (m - 1) + a + 1",
        plain="o = (n − 1)s − 2p + d(m − 1) + a + 1, a = output_padding",
        source=ARITHMETIC + ", chapter 4",
        note="a plays the part of r (conv-r): it tells apart the input sizes that a strided "
        "convolution maps to one output size.",
    ),
    Equation(
        key="parameter-count",
        title="parameters of a convolution layer",
        latex=r"F_{\text{in}} \cdot K^2 \cdot K_n + K_n",
        plain="F_in · K² · K_n + K_n",
        source="counting the terms of eq. 1.11",
        note="K_n kernels of size K×K over F_in maps, and one bias each.",
    ),
    Equation(
        key="conv-cost",
        title="multiplications of a convolution layer",
        latex=r"H_{\text{out}} W_{\text{out}} \cdot f^2 \cdot n_{\text{in}} "
        r"\cdot n_{\text{out}}",
        plain="H_out · W_out · f² · n_in · n_out",
        source="counting the terms of eq. 1.11",
        note="28×28, 192 → 32 maps, 5×5: 120,422,400; through a 1×1 bottleneck of 16 maps "
        "2,408,448 + 10,035,200 = 12,443,648.",
    ),
    Equation(
        key="depthwise-cost",
        title="cost of a depthwise separable convolution against a full one",
        latex=r"\frac{f^2 \, n_{\text{in}} + n_{\text{in}} \, n_{\text{out}}}"
        r"{f^2 \, n_{\text{in}} \, n_{\text{out}}} "
        r"= \frac{1}{n_{\text{out}}} + \frac{1}{f^2}",
        plain="(f²·n_in + n_in·n_out)/(f²·n_in·n_out) = 1/n_out + 1/f²",
        source="Howard et al. 2017 (MobileNets), section 3.1",
        note="31 % at f = 3 and n_out = 5; about 1/9 at f = 3 and large n_out.",
    ),
    Equation(
        key="receptive-field",
        title="receptive field",
        latex=r"R_l = R_{l-1} + (m'_l - 1) \prod_{i=1}^{l-1} s_i, \quad R_0 = 1",
        plain="R_l = R_{l−1} + (m'_l − 1) · Π_{i=1..l−1} s_i, R_0 = 1",
        source="composition of the windows of eq. 1.5",
        note="It grows with larger kernels, more layers, pooling (through the strides), and with "
        "dilation at no more weights.",
    ),
    Equation(
        key="compound-scaling",
        title="compound scaling of EfficientNet",
        latex=r"\alpha \cdot \beta^2 \cdot \gamma^2 \approx 2",
        plain="α · β² · γ² ≈ 2",
        source="Tan and Le 2019 (EfficientNet), section 3.3",
        note="Depth α^φ, width β^φ, resolution γ^φ: the cost doubles with every step of φ. "
        "α = 1.2, β = 1.1, γ = 1.15 give 1.92.",
    ),
)
