"""What layers inside a network give: maps to look at, and feature vectors to compare images by."""

from dataclasses import dataclass

import numpy as np

from minicnn import nn
from minicnn.arrays import on_host
from minicnn.checks import ArgumentError, DtypeError, ShapeError, closest, integer
from minicnn.modes import no_grad
from minicnn.tensor import Tensor
from minicnn.training.transfer.heads import find_head


@no_grad()
def layer_outputs(model, inputs, layers):
    """What some layers give for a batch, in evaluation mode.

    minicnn's own.

    Args:
        model: a network; its training mode is put back afterwards.
        inputs: what it takes, (N, …).
        layers: the dotted names of the layers; a name or a list of them.

    Returns:
        A dictionary of names and tensors, in the order of `layers`; of a layer that runs several
        times what it gave last.

    Raises:
        ArgumentError: no layer of that name, or one that does not run.
        DtypeError: not a module; a layer that gives no tensor.

    >>> import minicnn as mc
    >>> found = layer_outputs(mc.models.lenet5(), mc.zeros(1, 1, 28, 28), ["conv1", "pool2"])
    >>> {name: maps.shape for name, maps in found.items()}
    {'conv1': (1, 6, 28, 28), 'pool2': (1, 16, 5, 5)}
    """
    names = [layers] if isinstance(layers, str) else list(layers)
    found = {}

    def watch(name):
        def hook(module, _, output):
            if not isinstance(output, Tensor):
                raise DtypeError(
                    f"layer_outputs: layer {name!r} gives a {type(output).__name__}, not a tensor"
                )
            found[name] = output.clone()  # a layer behind it may work in place

        return hook

    modules = [module_called("layer_outputs", model, name) for name in names]
    handles = [m.register_forward_hook(watch(n)) for n, m in zip(names, modules, strict=True)]
    try:
        _run(model, inputs)
    finally:
        for handle in handles:
            handle.remove()
    for name in names:
        if name not in found:
            raise ArgumentError(f"layer_outputs: layer {name!r} did not run")
    return {name: found[name] for name in names}


def module_called(operation, model, name):
    """The module of that dotted name; for errors `operation` is who asks."""
    if not isinstance(model, nn.Module):
        raise DtypeError(f"{operation}: model must be a Module, got {type(model).__name__}")
    modules = dict(model.named_modules(remove_duplicate=False))
    if name not in modules:
        raise ArgumentError(
            f"{operation}: {type(model).__name__} has no layer {name!r}{closest(name, modules)}"
        )
    return modules[name]


def _run(model, inputs):
    before = model.training
    model.eval()
    try:
        return model(inputs)
    finally:
        model.train(before)


# ---------------------------------------------------------------- feature vectors


@no_grad()
def features(model, loader, layer=None):
    """The feature vectors of images: what the last layer sees of them, in evaluation mode.

    Images that a network takes for similar have vectors that are near each other.

    Args:
        model: a network; its training mode is put back afterwards.
        loader: gives batches (inputs, targets), or of inputs alone.
        layer: the name of the layer whose *input* is meant; default: the head, as `find_head` in
            `minicnn.training.transfer` finds it. An input (N, C, H, W) is taken as C · H · W
            numbers.

    Returns:
        An array (N, D) of the network's dtype.

    Raises:
        ArgumentError: no batches; no layer of that name, or one that does not run.
        DtypeError: not a module.

    Source: A. Krizhevsky, I. Sutskever, G. Hinton, "ImageNet classification with deep convolutional
    neural networks", 2012, section 6.1.

    >>> import minicnn as mc
    >>> features(mc.models.lenet5(), [mc.zeros(3, 1, 28, 28)]).shape
    (3, 84)
    """
    name = find_head(model)[0] if layer is None else layer
    found, count = [], 0

    def hook(_, inputs):
        found.append(np.array(on_host(inputs[0].array).reshape(len(inputs[0]), -1)))

    handle = module_called("features", model, name).register_forward_pre_hook(hook)
    try:
        for batch in loader:
            _run(model, batch[0] if isinstance(batch, (tuple, list)) else batch)
            count += 1
            if len(found) != count:
                raise ArgumentError(
                    f"features: layer {name!r} ran {len(found) - count + 1} times for a batch; "
                    "name one that runs once"
                )
    finally:
        handle.remove()
    if not found:
        raise ArgumentError("features: the loader gave no batches")
    return np.concatenate(found)


def nearest(vectors, queries, k):
    """For each query the k vectors at the least Euclidean distance ‖v − q‖.

    As Krizhevsky, Sutskever & Hinton 2012, section 6.1, find similar images.

    Args:
        vectors: (N, D) those to choose from.
        queries: (M, D), or (D,) for one.
        k: how many, at most N.

    Returns:
        (indices, distances), arrays (M, k), the nearest first; for one query (k,). At equal
        distance the lower index comes first.

    Raises:
        ShapeError: other dimensions, or another D. ArgumentError: k outside 1 … N.
        DtypeError: not numbers.

    >>> indices, distances = nearest([[0.0, 0], [3, 4], [1, 0]], [0.0, 0], k=2)
    >>> indices.tolist(), distances.tolist()
    ([0, 2], [0.0, 1.0])
    """
    vectors, queries = _as_array("vectors", vectors), _as_array("queries", queries)
    alone = queries.ndim == 1
    queries = queries[None] if alone else queries
    if vectors.ndim != 2 or queries.ndim != 2 or vectors.shape[1] != queries.shape[1]:
        raise ShapeError(
            "nearest: vectors must be (N, D) and queries (M, D) or (D,) with one D, got "
            f"{vectors.shape} and {queries.shape}"
        )
    k = integer("nearest", "k", k)
    if not 1 <= k <= len(vectors):
        raise ArgumentError(f"nearest: k must be 1 to {len(vectors)}, got {k}")
    indices, distances = np.empty((len(queries), k), np.int64), np.empty((len(queries), k))
    for row, query in enumerate(queries):
        squares = ((vectors - query) ** 2).sum(1)
        order = np.argsort(squares, kind="stable")[:k]
        indices[row], distances[row] = order, np.sqrt(squares[order])
    return (indices[0], distances[0]) if alone else (indices, distances)


# ---------------------------------------------------------------- principal components


@dataclass
class PrincipalComponents:
    """What `principal_components` found.

    Pearson 1901. It only holds what was found, and raises nothing.

    Attributes:
        mean: (D,) of the vectors.
        components: (k, D) the directions of largest variance, of length 1 and perpendicular.
        points: (N, k) the vectors seen along them: (V − mean) componentsᵀ.
        explained: (k,) the share of the whole variance along each.
    """

    mean: np.ndarray
    components: np.ndarray
    points: np.ndarray
    explained: np.ndarray

    def project(self, vectors):
        """Other vectors (M, D) seen along the same directions, (M, k)."""
        return (_as_array("vectors", vectors) - self.mean) @ self.components.T


def principal_components(vectors, k=2):
    """The directions in which vectors differ most, by the singular values of V − mean = U S Wᵀ.

    The components are the first k rows of Wᵀ; along the i-th the variance is s_i² / (N − 1). Each
    is turned so that its largest entry is positive.


    Source: K. Pearson, "On lines and planes of closest fit to systems of points in space", 1901.

    Args:
        vectors: V, (N, D), N at least 2.
        k: how many directions, at most D and N.

    Returns:
        `PrincipalComponents`.

    Raises:
        ShapeError: not (N, D). ArgumentError: k out of range; nan or infinity; equal vectors.
        DtypeError: not numbers.

    >>> found = principal_components([[0.0, 0], [3, 4], [6, 8]], k=1)
    >>> found.components.round(3).tolist(), found.explained.round(3).tolist()
    ([[0.6, 0.8]], [1.0])
    """
    vectors = _as_array("vectors", vectors)
    if vectors.ndim != 2 or len(vectors) < 2:
        raise ShapeError(
            f"principal_components: vectors must be (N, D), N at least 2, got {vectors.shape}"
        )
    k = integer("principal_components", "k", k)
    if not 1 <= k <= min(vectors.shape):
        raise ArgumentError(
            f"principal_components: k must be 1 to {min(vectors.shape)}, got {k}, for vectors of "
            f"shape {vectors.shape}"
        )
    if not np.isfinite(vectors).all():
        raise ArgumentError("principal_components: vectors holds nan or infinity")
    mean = vectors.mean(0)
    _, singular, directions = np.linalg.svd(vectors - mean, full_matrices=False)
    variances = singular**2
    if not variances.sum():
        raise ArgumentError("principal_components: all vectors are equal; they differ nowhere")
    components = directions[:k]
    largest = np.abs(components).argmax(1)
    components = components * np.sign(components[np.arange(k), largest])[:, None]
    points = (vectors - mean) @ components.T
    return PrincipalComponents(mean, components, points, variances[:k] / variances.sum())


def _as_array(name, value):
    """As an array of float64: squares of small differences need the digits."""
    array = np.asarray(on_host(value.array) if isinstance(value, Tensor) else value)
    if array.dtype.kind not in "biuf":
        raise DtypeError(f"{name} must hold numbers, got dtype {array.dtype}")
    return array.astype(np.float64)
