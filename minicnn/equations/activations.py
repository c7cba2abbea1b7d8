"""Activation functions with their derivatives."""

from .equation import Equation

ACTIVATIONS = (
    Equation(
        key="activation",
        title="gradient through an element-wise function",
        latex=r"y_i = f(x_i) \quad \Rightarrow \quad \frac{\partial L}{\partial x_i} "
        r"= f'(x_i) \, \frac{\partial L}{\partial y_i}",
        plain="y_i = f(x_i) ⇒ ∂L/∂x_i = f'(x_i) · ∂L/∂y_i",
        source="chain rule",
    ),
    Equation(
        key="sigmoid",
        title="sigmoid",
        latex=r"\sigma(x) = \frac{1}{1 + e^{-x}}, \quad \sigma' = \sigma (1 - \sigma)",
        plain="σ(x) = 1/(1 + exp(−x)), σ' = σ(1 − σ)",
        source="calculus",
    ),
    Equation(
        key="tanh",
        title="hyperbolic tangent",
        latex=r"\tanh(x) = \frac{e^x - e^{-x}}{e^x + e^{-x}}, \quad \tanh' = 1 - \tanh^2",
        plain="tanh(x) = (exp(x) − exp(−x))/(exp(x) + exp(−x)), tanh' = 1 − tanh²",
        source="calculus",
    ),
    Equation(
        key="relu",
        title="rectified linear unit",
        latex=r"\text{ReLU}(x) = \max(0, x)",
        plain="ReLU(x) = max(0, x)",
        source="Nair and Hinton 2010",
        note="Derivative 1 for x > 0 and 0 for x < 0; undefined at 0, where 0 is used.",
    ),
    Equation(
        key="relu6",
        title="ReLU6",
        latex=r"\text{ReLU6}(x) = \min(\max(0, x), 6)",
        plain="ReLU6(x) = min(max(0, x), 6)",
        source="Krizhevsky 2010, Convolutional deep belief networks on CIFAR-10",
        note="Derivative 1 for 0 < x < 6, else 0.",
    ),
    Equation(
        key="leaky-relu",
        title="leaky ReLU",
        latex=r"f(x) = \max(0, x) + a \min(0, x)",
        plain="f(x) = max(0, x) + a · min(0, x)",
        source="Maas, Hannun and Ng 2013",
        note="Derivative 1 for x > 0, else the slope a.",
    ),
    Equation(
        key="elu",
        title="exponential linear unit",
        latex=r"f(x) = \max(0, x) + a \left(e^{\min(0, x)} - 1\right)",
        plain="f(x) = max(0, x) + a · (exp(min(0, x)) − 1)",
        source="Clevert, Unterthiner and Hochreiter 2015, section 3",
        note="Derivative 1 for x > 0, else a·exp(x).",
    ),
    Equation(
        key="gelu",
        title="Gaussian error linear unit",
        latex=r"f(x) = x \, \Phi(x), \quad f'(x) = \Phi(x) + \frac{x}{\sqrt{2 \pi}} e^{-x^2/2}",
        plain="f(x) = x·Φ(x), f'(x) = Φ(x) + x·exp(−x²/2)/√(2π)",
        source="Hendrycks and Gimpel 2016, section 2",
        note="Φ is the cumulative normal distribution.",
    ),
    Equation(
        key="gelu-tanh",
        title="Gaussian error linear unit, approximated",
        latex=r"f(x) = \frac{x}{2} \left(1 + \tanh u\right), \quad "
        r"u = \sqrt{\frac{2}{\pi}} \left(x + 0.044715 \, x^3\right)",
        plain="f(x) = (x/2)·(1 + tanh u), u = √(2/π)·(x + 0.044715·x³)",
        source="Hendrycks and Gimpel 2016, section 2",
    ),
    Equation(
        key="softplus",
        title="softplus",
        latex=r"f(x) = \frac{1}{\beta} \ln(1 + e^{\beta x}), \quad f'(x) = \sigma(\beta x)",
        plain="f(x) = (1/β) · ln(1 + exp(βx)), f'(x) = σ(βx)",
        source="Dugas et al. 2001; β = 1 unless said otherwise",
    ),
    Equation(
        key="hardsigmoid",
        title="hard sigmoid",
        latex=r"\text{hardsigmoid}(x) = \frac{\text{ReLU6}(x + 3)}{6}",
        plain="hardsigmoid(x) = ReLU6(x + 3)/6",
        source="Howard et al. 2019 (MobileNetV3), section 5.2",
        note="Derivative 1/6 for −3 < x < 3, else 0.",
    ),
    Equation(
        key="hardswish",
        title="hard swish",
        latex=r"\text{hardswish}(x) = x \, \frac{\text{ReLU6}(x + 3)}{6}",
        plain="hardswish(x) = x · ReLU6(x + 3)/6",
        source="Howard et al. 2019 (MobileNetV3), section 5.2",
        note="Derivative 0 for x ≤ −3, x/3 + 1/2 between, 1 for x ≥ 3.",
    ),
    Equation(
        key="silu",
        title="SiLU, also swish",
        latex=r"\text{SiLU}(x) = x \, \sigma(x), \quad "
        r"\text{SiLU}'(x) = \sigma(x) (1 + x (1 - \sigma(x)))",
        plain="SiLU(x) = x·σ(x), SiLU'(x) = σ(x)·(1 + x·(1 − σ(x)))",
        source="Elfwing, Uchibe and Doya 2017; Ramachandran, Zoph and Le 2017",
    ),
)
