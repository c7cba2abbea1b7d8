"""Element-wise functions, reductions, and moving values about."""

from .equation import Equation

ELEMENTWISE = (
    Equation(
        key="neg",
        title="sign change",
        latex=r"z = -x, \quad \frac{\partial L}{\partial x} = -\delta",
        plain="z = −x, ∂L/∂x = −δ",
        source="calculus",
    ),
    Equation(
        key="abs",
        title="absolute value",
        latex=r"z = |x|, \quad \frac{\partial L}{\partial x} = \delta \, \text{sign}(x)",
        plain="z = |x|, ∂L/∂x = δ · sign(x)",
        source="calculus",
        note="There is no derivative at 0; 0 is used.",
    ),
    Equation(
        key="sign",
        title="sign",
        latex=r"z = \text{sign}(x), \quad \frac{\partial L}{\partial x} = 0",
        plain="z = sign(x), ∂L/∂x = 0",
        source="calculus",
        note="Constant on both sides of 0, so no error passes.",
    ),
    Equation(
        key="exp",
        title="exponential",
        latex=r"z = e^x, \quad \frac{\partial L}{\partial x} = \delta \, z",
        plain="z = exp(x), ∂L/∂x = δ · z",
        source="calculus",
    ),
    Equation(
        key="log",
        title="natural logarithm",
        latex=r"z = \ln x, \quad \frac{\partial L}{\partial x} = \frac{\delta}{x}",
        plain="z = ln x, ∂L/∂x = δ / x",
        source="calculus",
    ),
    Equation(
        key="sqrt",
        title="square root",
        latex=r"z = \sqrt{x}, \quad \frac{\partial L}{\partial x} = \frac{\delta}{2 z}",
        plain="z = √x, ∂L/∂x = δ / (2z)",
        source="calculus",
    ),
    Equation(
        key="sin",
        title="sine",
        latex=r"z = \sin x, \quad \frac{\partial L}{\partial x} = \delta \cos x",
        plain="z = sin x, ∂L/∂x = δ · cos x",
        source="calculus",
    ),
    Equation(
        key="cos",
        title="cosine",
        latex=r"z = \cos x, \quad \frac{\partial L}{\partial x} = - \delta \sin x",
        plain="z = cos x, ∂L/∂x = −δ · sin x",
        source="calculus",
    ),
    Equation(
        key="clamp",
        title="limits",
        latex=r"z = \min(\max(x, a), b), \quad \frac{\partial L}{\partial x} = \delta "
        r"\text{ where } a \le x \le b",
        plain="z = min(max(x, a), b), ∂L/∂x = δ where a ≤ x ≤ b, else 0",
        source="calculus",
    ),
    Equation(
        key="identity",
        title="the same values",
        latex=r"z = x, \quad \frac{\partial L}{\partial x} = \delta",
        plain="z = x, ∂L/∂x = δ",
        source="calculus",
        note="Also for a copy, and for the same numbers in another dtype.",
    ),
    Equation(
        key="rounding",
        title="rounding",
        latex=r"z = \lfloor x / y \rfloor, \quad \frac{\partial L}{\partial x} = 0",
        plain="z = ⌊x / y⌋, ∂L/∂x = 0",
        source="calculus",
        note="Constant between the steps, so no error passes.",
    ),
    Equation(
        key="extremum",
        title="maximum over several places",
        latex=r"z = \max_i x_i, \quad \frac{\partial L}{\partial x_i} = "
        r"\frac{\delta}{n} \text{ for the } n \text{ places with } x_i = z",
        plain="z = max_i x_i, ∂L/∂x_i = δ / n at the n places where x_i = z, else 0",
        source="calculus",
        note="The minimum likewise.",
    ),
    Equation(
        key="prod",
        title="product",
        latex=r"z = \prod_i x_i, \quad \frac{\partial L}{\partial x_i} = \delta "
        r"\prod_{j \ne i} x_j",
        plain="z = Π_i x_i, ∂L/∂x_i = δ · Π_{j≠i} x_j",
        source="calculus",
    ),
    Equation(
        key="var",
        title="variance",
        latex=r"z = \frac{1}{n - c} \sum_i (x_i - \mu)^2, \quad \frac{\partial "
        r"L}{\partial x_i} = \delta \, \frac{2 (x_i - \mu)}{n - c}",
        plain="z = Σ_i (x_i − μ)² / (n − c), ∂L/∂x_i = δ · 2 (x_i − μ) / (n − c)",
        source="calculus",
        note="c is 1 for the unbiased estimate, 0 for the mean square. Σ (x_i − μ) = "
        "0, so μ adds nothing.",
    ),
    Equation(
        key="std",
        title="standard deviation",
        latex=r"z = \sqrt{v}, \quad \frac{\partial L}{\partial v} = \frac{\delta}{2 z}",
        plain="z = √v with v the variance, ∂L/∂v = δ / (2z)",
        source="calculus",
    ),
    Equation(
        key="rearrange",
        title="values in other places",
        latex=r"z_{\pi(i)} = x_i, \quad \frac{\partial L}{\partial x_i} = "
        r"\delta_{\pi(i)}",
        plain="z_π(i) = x_i, ∂L/∂x_i = δ_π(i)",
        source="chain rule",
        note="For each one-to-one move of the values: reshape, permute, flip, roll.",
    ),
    Equation(
        key="pick",
        title="chosen places",
        latex=r"z_k = x_{p(k)}, \quad \frac{\partial L}{\partial x_i} = \sum_{k : p(k) "
        r"= i} \delta_k",
        plain="z_k = x_p(k), ∂L/∂x_i = Σ of δ_k over all k with p(k) = i",
        source="chain rule",
        note="A place that was taken several times receives the sum; one that was not, 0.",
    ),
    Equation(
        key="overwrite",
        title="values written over others",
        latex=r"z_i = v_i \text{ for } i \in I, \text{ else } x_i; \quad \frac{\partial "
        r"L}{\partial v} = \delta_I, \quad \frac{\partial L}{\partial x_i} = 0 "
        r"\text{ for } i \in I",
        plain="z = x with v in the places I: ∂L/∂v = δ in I, ∂L/∂x = δ outside of I and 0 in it",
        source="chain rule",
    ),
    Equation(
        key="concatenate",
        title="joined tensors",
        latex=r"z = (x, y), \quad \delta = \left( \frac{\partial L}{\partial x}, "
        r"\frac{\partial L}{\partial y} \right)",
        plain="z = (x, y), δ = (∂L/∂x, ∂L/∂y)",
        source="chain rule",
    ),
    Equation(
        key="pad",
        title="a constant border",
        latex=r"z = x \text{ inside, } c \text{ on the border}; \quad \frac{\partial "
        r"L}{\partial x} = \delta \text{ inside}",
        plain="z = x inside and c on the border, ∂L/∂x = δ inside",
        source="chain rule",
    ),
)
