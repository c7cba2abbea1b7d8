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
        latex=r"L = -\frac{1}{N} \sum_{i=1}^{N} \ln \, \text{softmax}(z_i)_{t_i}, \quad "
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
    Equation(
        key="soft-ce",
        title="softmax and cross-entropy for class probabilities, one sample",
        latex=r"L = -\sum_{k=1}^{K} w_k q_k \ln \, \text{softmax}(z)_k, \quad "
        r"\frac{\partial L}{\partial z} = \text{softmax}(z) \sum_{k=1}^{K} w_k q_k - w \odot q",
        plain="L = −Σ_k w_k·q_k·ln softmax(z)_k; ∂L/∂z = softmax(z) · Σ_k w_k·q_k − w ⊙ q",
        source="cross-entropy of q and softmax(z); softmax-ce is q = onehot(t), w = 1",
        note="w are weights of the classes. The mean over a batch divides by N for probabilities, "
        "but by the weights' sum over the targets for class numbers, as PyTorch does.",
    ),
    Equation(
        key="l1",
        title="mean absolute error",
        latex=r"L = \frac{1}{n} \sum_{i=1}^{n} |y_i - t_i|, \quad "
        r"\frac{\partial L}{\partial y_i} = \frac{1}{n} \text{sign}(y_i - t_i)",
        plain="L = (1/n) · Σ_i |y_i − t_i|; ∂L/∂y_i = (1/n)·sign(y_i − t_i)",
        source="definition",
        note="n counts all elements. sign(0) = 0 is used, where there is no derivative.",
    ),
    Equation(
        key="smooth-l1",
        title="smooth L1 loss of a difference d = y − t",
        latex=r"f(d) = \frac{d^2}{2 \beta} \text{ if } |d| < \beta, "
        r"\text{ else } |d| - \frac{\beta}{2}; \quad "
        r"f'(d) = \min\left(\max\left(\frac{d}{\beta}, -1\right), 1\right)",
        plain="f(d) = d²/(2β) if |d| < β, else |d| − β/2; f'(d) = min(max(d/β, −1), 1)",
        source="Girshick 2015 (Fast R-CNN), eq. (3), there with β = 1",
        note="β = 0 is l1.",
    ),
    Equation(
        key="bce-logits",
        title="binary cross-entropy of a logit",
        latex=r"L = -p \, t \ln \sigma(z) - (1 - t) \ln(1 - \sigma(z)), \quad "
        r"\frac{\partial L}{\partial z} = (p \, t + 1 - t) \, \sigma(z) - p \, t",
        plain="L = −p·t·ln σ(z) − (1 − t)·ln(1 − σ(z)); ∂L/∂z = (p·t + 1 − t)·σ(z) − p·t",
        source="negative log-likelihood of a Bernoulli variable",
        note="p is the weight of positive examples; p = 1 gives ∂L/∂z = σ(z) − t. "
        "−ln σ(z) = ln(1 + exp(−z)) = max(−z, 0) + ln(1 + exp(−|z|)) cannot overflow.",
    ),
    Equation(
        key="kl-div",
        title="Kullback-Leibler divergence, one element",
        latex=r"L = t (\ln t - y), \quad \frac{\partial L}{\partial y} = -t, \quad "
        r"\frac{\partial L}{\partial t} = \ln t + 1 - y",
        plain="L = t·(ln t − y); ∂L/∂y = −t, ∂L/∂t = ln t + 1 − y",
        source="Kullback and Leibler 1951; y are log-probabilities, t probabilities",
        note="0·ln 0 = 0. Summed over the classes and divided by N (batchmean) it is the "
        "divergence; a mean over all elements is not.",
    ),
)
