"""Equation 1.17 and the pooling layers."""

from .derivatives import DERIVATION
from .equation import Equation

POOLING = (
    Equation(
        key="1.17",
        title="error term below a pooling layer",
        latex=r"\delta^{(l,p)} = f_l'(Z^{(l,p)}) \odot \text{up}(\delta^{(l+1,p)})",
        plain="δ^(l,p) = f_l'(Z^(l,p)) ⊙ up(δ^(l+1,p))",
        source=DERIVATION,
        note="up for max pooling: each error goes to the position of its window's maximum, the "
        "rest get 0; for mean pooling: it is spread evenly over the window. Where windows "
        "overlap, contributions add up.",
    ),
    Equation(
        key="max-pool",
        title="max pooling",
        latex=r"y_{ij} = \max_{1 \le u \le m, \, 1 \le v \le n} "
        r"x_{(i-1)s+u, \, (j-1)s+v}",
        plain="y_ij = max_{u=1..m, v=1..n} x_{(i−1)s+u, (j−1)s+v}",
        source="definition; overlapping windows: Krizhevsky et al. 2012 (AlexNet), section 3.4",
        note="Pads with −∞. The first maximum in row-major order takes all of the gradient.",
    ),
    Equation(
        key="mean-pool",
        title="mean pooling",
        latex=r"y_{ij} = \frac{1}{m n} \sum_{u=1}^{m} \sum_{v=1}^{n} "
        r"x_{(i-1)s+u, \, (j-1)s+v}",
        plain="y_ij = (1/mn) · Σ_{u=1..m} Σ_{v=1..n} x_{(i−1)s+u, (j−1)s+v}",
        source="definition",
        note="Pads with 0 and divides by the whole window, padding included, unless "
        "count_include_pad=False.",
    ),
    Equation(
        key="global-pool",
        title="global mean pooling",
        latex=r"y_c = \frac{1}{H W} \sum_{i=1}^{H} \sum_{j=1}^{W} x_{c,i,j}",
        plain="y_c = (1/HW) · Σ_{i=1..H} Σ_{j=1..W} x_{c,i,j}",
        source="Lin, Chen and Yan 2013 (Network in Network), section 3.2",
    ),
    Equation(
        key="adaptive-pool",
        title="windows of adaptive pooling",
        latex=r"\text{window } i: \quad \left\lfloor \frac{i \, n}{o} \right\rfloor, \ldots, "
        r"\left\lfloor \frac{(i + 1) \, n + o - 1}{o} \right\rfloor - 1",
        plain="window i: ⌊i·n/o⌋, …, ⌈(i + 1)·n/o⌉ − 1",
        source="PyTorch, AdaptiveAvgPool2d and AdaptiveMaxPool2d",
        note="i = 0 … o − 1, counted from 0, for n entries and o outputs along one axis; o = 1 is "
        "global pooling. ⌈a/o⌉ = ⌊(a + o − 1)/o⌋. Where o does not divide n, windows overlap.",
    ),
    Equation(
        key="lp-pool",
        title="power-average pooling",
        latex=r"y_{ij} = \left(\sum_{u=1}^{m} \sum_{v=1}^{n} "
        r"x_{(i-1)s+u, \, (j-1)s+v}^{p}\right)^{1/p}",
        plain="y_ij = (Σ_{u=1..m} Σ_{v=1..n} x_{(i−1)s+u, (j−1)s+v}^p)^(1/p)",
        source="Sermanet, Chintala and LeCun 2012, section 2.2; PyTorch, LPPool2d",
        note="p = 1 is sum pooling, p = ∞ max pooling of |x|. An odd p keeps the signs.",
    ),
    Equation(
        key="max-unpool",
        title="max unpooling",
        latex=r"y_{k_{ij}} = x_{ij}",
        plain="y at k_ij = x_ij, 0 elsewhere; k_ij the place of the maximum in window ij",
        source="Zeiler and Fergus 2014, section 2.1; PyTorch, MaxUnpool2d",
    ),
)
