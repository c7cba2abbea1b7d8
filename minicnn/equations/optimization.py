"""Update rules, weight decay and initialisation."""

from .equation import Equation

OPTIMIZATION = (
    Equation(
        key="sgd",
        title="gradient descent",
        latex=r"w \leftarrow w - \eta \, g",
        plain="w ← w − η·g",
        source="Robbins and Monro 1951",
        note="g = ∂L/∂w of the mini-batch, η the learning rate.",
    ),
    Equation(
        key="weight-decay",
        title="L2 weight decay",
        latex=r"g \leftarrow g + \lambda w",
        plain="g ← g + λ·w",
        source="gradient of L + (λ/2)·Σ w²; Krogh and Hertz 1991",
    ),
    Equation(
        key="sgd-momentum",
        title="gradient descent with momentum",
        latex=r"v \leftarrow \mu v + (1 - \tau) g, \quad w \leftarrow w - \eta \, v",
        plain="v ← μ·v + (1 − τ)·g, w ← w − η·v",
        source="Polyak 1964; Sutskever et al. 2013, in the form PyTorch uses",
        note="τ is the dampening, 0 unless given. The first step sets v = g.",
    ),
    Equation(
        key="nesterov",
        title="Nesterov momentum",
        latex=r"v \leftarrow \mu v + g, \quad w \leftarrow w - \eta \, (g + \mu v)",
        plain="v ← μ·v + g, w ← w − η·(g + μ·v)",
        source="Sutskever et al. 2013, section 2, in the form PyTorch uses",
    ),
    Equation(
        key="adam",
        title="Adam",
        latex=r"m \leftarrow \beta_1 m + (1 - \beta_1) g, \quad "
        r"v \leftarrow \beta_2 v + (1 - \beta_2) g^2, \quad "
        r"w \leftarrow w - \eta \, \frac{m / (1 - \beta_1^t)}"
        r"{\sqrt{v / (1 - \beta_2^t)} + \epsilon}",
        plain="m ← β₁·m + (1 − β₁)·g, v ← β₂·v + (1 − β₂)·g², "
        "w ← w − η · (m/(1 − β₁ᵗ))/(√(v/(1 − β₂ᵗ)) + ε)",
        source="Kingma and Ba 2015, algorithm 1",
        note="t counts steps from 1; m and v start at 0, which the divisions make up for.",
    ),
    Equation(
        key="adamw",
        title="Adam with decoupled weight decay",
        latex=r"w \leftarrow (1 - \eta \lambda) \, w \quad \text{before the step of Adam}",
        plain="w ← (1 − η·λ)·w, before the step of Adam",
        source="Loshchilov and Hutter 2019, algorithm 2",
    ),
    Equation(
        key="rmsprop",
        title="RMSprop",
        latex=r"v \leftarrow \alpha v + (1 - \alpha) g^2, \quad "
        r"w \leftarrow w - \eta \, \frac{g}{\sqrt{v} + \epsilon}",
        plain="v ← α·v + (1 − α)·g², w ← w − η·g/(√v + ε)",
        source="Tieleman and Hinton 2012, lecture 6e",
    ),
    Equation(
        key="adagrad",
        title="Adagrad",
        latex=r"v \leftarrow v + g^2, \quad w \leftarrow w - \eta \, "
        r"\frac{g}{\sqrt{v} + \epsilon}",
        plain="v ← v + g², w ← w − η·g/(√v + ε)",
        source="Duchi, Hazan and Singer 2011",
    ),
    Equation(
        key="xavier-init",
        title="Xavier initialisation",
        latex=r"\text{Var}(w) = \frac{2}{n_{\text{in}} + n_{\text{out}}}",
        plain="Var(w) = 2/(n_in + n_out)",
        source="Glorot and Bengio 2010, section 4.2.1",
    ),
    Equation(
        key="kaiming-init",
        title="Kaiming initialisation",
        latex=r"\text{Var}(w) = \frac{2}{n_{\text{in}}}",
        plain="Var(w) = 2/n_in",
        source="He et al. 2015 (Delving Deep into Rectifiers), section 2.2",
        note="For ReLU, which halves the second moment; n_in = channels · kernel size squared.",
    ),
)
