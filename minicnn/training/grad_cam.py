"""Grad-CAM: where in an image a network sees a class."""

import numpy as np

from minicnn import nn
from minicnn.arrays import on_host
from minicnn.autograd import grad
from minicnn.checks import ArgumentError, DtypeError, IndexRangeError, ShapeError
from minicnn.functions.elementwise import relu
from minicnn.modes import enable_grad
from minicnn.nn import functional as F
from minicnn.tensor import Tensor
from minicnn.training.features import module_called


@enable_grad()
def grad_cam(model, images, layer, classes=None, *, resize=True):
    """Maps of how much each place of an image speaks for a class, from a layer's feature maps.

    The weight of map k is the mean of the gradient of the class's score y over its Z places,
    α_k = 1/Z Σ_ij ∂y/∂A^k_ij; the result is L = ReLU(Σ_k α_k A^k). Taken from one of the last
    convolutions, whose maps know classes and still know places.

    Args:
        model: a network that gives scores (N, classes); run in evaluation mode, which is put back.
        images: (N, C, H, W).
        layer: the name of the layer that gives A, or the layer: (N, K, h, w).
        classes: N class numbers, or one for all; default: those with the highest scores.
        resize: bring the maps from h × w to the images' H × W, bilinearly.

    Returns:
        A tensor (N, H, W), or (N, h, w), of numbers ≥ 0. Gradients of parameters are not touched.

    Raises:
        ArgumentError: the model has no such layer; the layer does not run, or more than once; the
            scores do not depend on it.
        ShapeError: images, scores or maps of other dimensions; not as many classes as images.
        IndexRangeError: a class that the network does not have.
        DtypeError: not a module, a tensor, integers.

    Source: R. R. Selvaraju, M. Cogswell, A. Das, R. Vedantam, D. Parikh, D. Batra, "Grad-CAM:
    visual explanations from deep networks via gradient-based localization", 2017, section 3.

    >>> import minicnn as mc
    >>> maps = grad_cam(mc.models.lenet5(), mc.randn(2, 1, 28, 28), "conv2", classes=3)
    >>> maps.shape, bool((maps >= 0).all())
    ((2, 28, 28), True)
    """
    if not isinstance(images, Tensor) or not isinstance(model, nn.Module):
        wrong = model if isinstance(images, Tensor) else images
        raise DtypeError(
            f"grad_cam: expected a Module and images as a tensor, got a {type(wrong).__name__}"
        )
    if images.ndim != 4:
        raise ShapeError(f"grad_cam: images must be (N, C, H, W), got {images.shape}")
    maps, scores = _maps_and_scores(model, images, _layer(model, layer))
    classes = _checked_classes(classes, scores)
    chosen = scores[np.arange(len(scores)), classes].sum()  # no image's score depends on another's
    (slopes,) = grad(chosen, maps, allow_unused=True)
    if slopes is None:
        raise ArgumentError("grad_cam: the scores do not depend on what the layer gives")
    weights = slopes.mean((2, 3), keepdim=True)  # α, (N, K, 1, 1)
    found = relu((weights * maps.detach()).sum(1, keepdim=True))  # (N, 1, h, w)
    if resize:
        found = F.interpolate(found, images.shape[2:], mode="bilinear", align_corners=False)
    return found.squeeze(1)


def _layer(model, layer):
    if not isinstance(layer, nn.Module):
        return module_called("grad_cam", model, layer)
    if not any(layer is module for module in model.modules()):
        raise ArgumentError(
            f"grad_cam: this {type(layer).__name__} is not a layer of the {type(model).__name__}"
        )
    return layer


def _maps_and_scores(model, images, layer):
    """What the layer gave, and the scores that were computed from it."""
    given = []

    def hook(_, __, output):
        if not isinstance(output, Tensor) or output.ndim != 4:
            raise ShapeError(
                f"grad_cam: a {type(layer).__name__} must give maps (N, K, h, w), got "
                f"{getattr(output, 'shape', type(output).__name__)}; take a convolution, or a "
                "block of them"
            )
        given.append(output)
        return output.clone()  # a layer behind it may work in place

    before = model.training
    handle = layer.register_forward_hook(hook)
    model.eval()
    try:
        # The images want a gradient: so there is one to follow where all of the model is frozen.
        scores = model(images.detach().requires_grad_())
    finally:
        handle.remove()
        model.train(before)
    if len(given) != 1:
        raise ArgumentError(
            f"grad_cam: the {type(layer).__name__} ran {len(given)} times, expected once"
        )
    if not isinstance(scores, Tensor) or scores.ndim != 2:
        raise ShapeError(
            f"grad_cam: {type(model).__name__} must give scores (N, classes), got "
            f"{getattr(scores, 'shape', type(scores).__name__)}"
        )
    return given[0], scores


def _checked_classes(classes, scores):
    if classes is None:
        return on_host(scores.array).argmax(1)
    chosen = np.asarray(on_host(classes.array) if isinstance(classes, Tensor) else classes)
    if chosen.dtype.kind not in "iu":
        raise DtypeError(f"grad_cam: classes must be integers, got {chosen.dtype}")
    n, known = scores.shape
    if chosen.ndim == 0:
        chosen = np.full(n, chosen)
    if chosen.shape != (n,):
        raise ShapeError(f"grad_cam: {n} images, but classes of shape {chosen.shape}")
    if chosen.size and not 0 <= chosen.min() <= chosen.max() < known:
        raise IndexRangeError(
            f"grad_cam: classes must be 0 to {known - 1}, got {chosen.min()} to {chosen.max()}"
        )
    return chosen
