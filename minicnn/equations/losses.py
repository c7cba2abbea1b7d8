"""From logits to a loss."""

from .equation import Equation

LOSSES = (
    Equation(
        key="softmax",
        title="softmax and its gradient",
        latex=r"y_k = \frac{e^{z_k}}{\sum_{j=1}^{K} e^{z_j}}, \quad "
        r"\frac{\partial L}{\partial z_k} "
        r"= y_k \left(\delta_k - \sum_{j=1}^{K} \delta_j y_j\right)",
        plain="y_k = exp(z_k)/Σ_j exp(z_j); ∂L/∂z_k = y_k · (δ_k − Σ_j δ_j·y_j), δ = ∂L/∂y",
        source="Bridle 1990",
        note="Subtracting max(z) from every z changes nothing and avoids overflow.",
    ),
    Equation(
        key="log-softmax",
        title="log-softmax and its gradient",
        latex=r"y_k = z_k - \ln \sum_{j=1}^{K} e^{z_j}, \quad "
        r"\frac{\partial L}{\partial z_k} = \delta_k - e^{y_k} \sum_{j=1}^{K} \delta_j",
        plain="y_k = z_k − ln Σ_j exp(z_j); ∂L/∂z_k = δ_k − exp(y_k) · Σ_j δ_j, δ = ∂L/∂y",
        source="logarithm of softmax",
        note="ln Σ exp(z_j) = max(z) + ln Σ exp(z_j − max(z)) avoids overflow.",
    ),
    Equation(
        key="softmax-ce",
        title="softmax and cross-entropy, mean over the batch",
        latex=r"L = -\frac{1}{N} \sum_{i=1}^{N} \ln \text{softmax}(z_i)_{t_i}, \quad "
        r"\frac{\partial L}{\partial z} = \frac{1}{N} (\text{softmax}(z) - \text{onehot}(t))",
        plain="L = −(1/N) · Σ_i ln softmax(z_i)_{t_i}; ∂L/∂z = (softmax(z) − onehot(t))/N",
        source="negative log-likelihood of the classes t",
        note="The 1/N of the mean stands in the gradient, too.",
    ),
    Equation(
        key="nll",
        title="negative log-likelihood, mean over the batch",
        latex=r"L = -\frac{1}{N} \sum_{i=1}^{N} y_{i, t_i}",
        plain="L = −(1/N) · Σ_i y_{i, t_i}",
        source="definition; y are log-probabilities",
    ),
    Equation(
        key="mse",
        title="mean squared error",
        latex=r"L = \frac{1}{n} \sum_{i=1}^{n} (y_i - t_i)^2, \quad "
        r"\frac{\partial L}{\partial y_i} = \frac{2}{n} (y_i - t_i)",
        plain="L = (1/n) · Σ_i (y_i − t_i)²; ∂L/∂y_i = (2/n)·(y_i − t_i)",
        source="definition",
        note="n counts all elements, not samples.",
    ),
    Equation(
        key="label-smoothing",
        title="label smoothing",
        latex=r"q_k = (1 - \epsilon) \, \text{onehot}(t)_k + \frac{\epsilon}{K}",
        plain="q_k = (1 − ε) · onehot(t)_k + ε/K",
        source="Szegedy et al. 2015 (Rethinking the Inception Architecture), section 7",
    ),
)
