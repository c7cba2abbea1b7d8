"""Equations 1.10 to 1.16: the layers, their gradients, and how δ passes a convolution."""

from .derivatives import DERIVATION
from .equation import Equation

ARITHMETIC = "Dumoulin and Visin 2016, A guide to convolution arithmetic for deep learning"

CONVOLUTION = (
    Equation(
        key="1.10",
        title="fully connected layer",
        latex=r"y = \sigma\left(\sum_{i} w_i^T x_i + b\right)",
        plain="y = σ(Σ_i w_iᵀ x_i + b)",
        source=DERIVATION + ": the layer a convolution layer generalises",
        note="A 1×1 convolution is this layer over the channels, at every position.",
    ),
    Equation(
        key="1.11",
        title="convolution layer, net input",
        latex=r"Z^{(l,p)} = \sum_{d=1}^{D} W^{(l,p,d)} \otimes X^{(l-1,d)} + b^{(l,p)}",
        plain="Z^(l,p) = Σ_{d=1..D} W^(l,p,d) ⊗ X^(l−1,d) + b^(l,p)",
        source=DERIVATION,
        note="D input maps, P output maps: P·D kernels and P biases. "
        "With groups, d runs over the maps of p's group.",
    ),
    Equation(
        key="1.12",
        title="kernel gradient of a convolution layer",
        latex=r"\frac{\partial L}{\partial W^{(l,p,d)}} = \delta^{(l,p)} \otimes X^{(l-1,d)}",
        plain="∂L/∂W^(l,p,d) = δ^(l,p) ⊗ X^(l−1,d)",
        source=DERIVATION + ": eq. 1.7 for every pair p, d",
        note="Summed over the samples of the batch. Stride and dilation: conv-dw-stride.",
    ),
    Equation(
        key="1.13",
        title="error term",
        latex=r"\delta^{(l,p)} = \frac{\partial L}{\partial Z^{(l,p)}}",
        plain="δ^(l,p) = ∂L/∂Z^(l,p)",
        source=DERIVATION + ": definition",
    ),
    Equation(
        key="1.14",
        title="bias gradient of a convolution layer",
        latex=r"\frac{\partial L}{\partial b^{(l,p)}} "
        r"= \sum_{i} \sum_{j} [\delta^{(l,p)}]_{i,j}",
        plain="∂L/∂b^(l,p) = Σ_i Σ_j [δ^(l,p)]_ij",
        source=DERIVATION + ": b^(l,p) enters every position of Z^(l,p) once",
        note="Summed over the samples of the batch.",
    ),
    Equation(
        key="1.15",
        title="net input of the following convolution layer",
        latex=r"Z^{(l+1,p)} = \sum_{d=1}^{D} W^{(l+1,p,d)} \otimes X^{(l,d)} + b^{(l+1,p)}",
        plain="Z^(l+1,p) = Σ_{d=1..D} W^(l+1,p,d) ⊗ X^(l,d) + b^(l+1,p)",
        source=DERIVATION + ": eq. 1.11 one layer on",
    ),
    Equation(
        key="1.16",
        title="error term below a convolution layer",
        latex=r"\delta^{(l,d)} = f_l'(Z^{(l,d)}) \odot \sum_{p=1}^{P} "
        r"\left(\text{rot180}(W^{(l+1,p,d)}) \, \tilde{\otimes} \, \delta^{(l+1,p)}\right)",
        plain="δ^(l,d) = f_l'(Z^(l,d)) ⊙ Σ_{p=1..P} ( rot180(W^(l+1,p,d)) ⊗~ δ^(l+1,p) )",
        source=DERIVATION + ": eq. 1.9 summed over the maps that read X^(l,d)",
        note="f_l' is taken at Z^(l,d), the map the error arrives at. "
        "Stride, padding and dilation: conv-dx-stride.",
    ),
    Equation(
        key="conv-dx-stride",
        title="input gradient with stride, padding and dilation",
        latex=r"\frac{\partial L}{\partial X^{(d)}} "
        r"= \text{crop}_{\text{padding}}\left(\sum_{p=1}^{P} "
        r"\text{rot180}(\uparrow_{\text{dilation}} W^{(p,d)}) \, \tilde{\otimes} \, "
        r"\text{append}_r(\uparrow_{\text{stride}} \delta^{(p)})\right)",
        plain="∂L/∂X^(d) = crop_padding( Σ_{p=1..P} rot180(↑_dilation W^(p,d)) "
        "⊗~ append_r(↑_stride δ^(p)) )",
        source=DERIVATION + ", with " + ARITHMETIC + ", chapter 4",
        note="↑_s inserts s − 1 zeros between neighbours, append_r adds r zero rows and columns "
        "at bottom and right (conv-r), crop removes the padding on every side. Without r an 8×8 "
        "input gets a 7×7 gradient at kernel 3, stride 2, padding 1.",
    ),
    Equation(
        key="conv-dw-stride",
        title="kernel gradient with stride, padding and dilation",
        latex=r"\frac{\partial L}{\partial W^{(p,d)}} "
        r"= \left[(\uparrow_{\text{stride}} \delta^{(p)}) "
        r"\otimes \text{pad}(X^{(d)})\right]_{1, \, 1+k, \, \ldots, \, m'}, "
        r"\quad k = \text{dilation}",
        plain="∂L/∂W^(p,d) = [ (↑_stride δ^(p)) ⊗ pad(X^(d)) ] at 1, 1 + k, …, m', k = dilation",
        source=DERIVATION,
        note="↑_s inserts s − 1 zeros between neighbours; every k-th entry of the first m' rows "
        "and columns is kept, m' the dilated kernel size. Without that a 3×3 kernel gets a 4×4 "
        "gradient when r ≠ 0 (conv-r).",
    ),
    Equation(
        key="conv-transpose",
        title="transposed convolution",
        latex=r"z = C x, \quad x' = C^T z",
        plain="z = C·x, x' = Cᵀ·z",
        source=ARITHMETIC + ", chapter 4",
        note="C holds the entries of W; for x in R⁵ and w in R³ it is 3×5 with rows "
        "(w1 w2 w3 0 0), (0 w1 w2 w3 0), (0 0 w1 w2 w3). At stride 1, padding 0, dilation 1 it "
        "is rot180(W) ⊗~ Z, summed over p for each d.",
    ),
    Equation(
        key="conv1d-layer",
        title="1-D convolution layer",
        latex=r"z^{(l)} = w^{(l)} \otimes a^{(l-1)} + b^{(l)}",
        plain="z^(l) = w^(l) ⊗ a^(l−1) + b^(l)",
        source=DERIVATION + ": one axis, one map",
        note="Local connection and weight sharing: m weights instead of n_l · n_{l−1}.",
    ),
    Equation(
        key="im2col",
        title="convolution as a matrix product",
        latex=r"Z = W_{P \times (D m n)} \cdot \text{im2col}(X)",
        plain="Z = W · im2col(X), W as P×(D·m·n), one column of im2col(X) a window",
        source="Chellapilla, Puri and Simard 2006; eq. 1.11 with its sums written as one",
        note="Its adjoint col2im adds every window's values back to where they came from.",
    ),
)
