"""Batch normalisation over the samples of all ranks."""

import math
from functools import partial

import numpy as np

from minicnn.arrays import array_module
from minicnn.checks import ShapeError
from minicnn.distributed.communicator import STATISTICS
from minicnn.distributed.joining import world
from minicnn.kernels import find
from minicnn.nn import functional as F
from minicnn.nn.functional.normalization import (
    check_batch_norm,
    one_value_has_no_variance,
    update_running,
)
from minicnn.nn.normalization import _BatchNorm
from minicnn.ops import normalization as ops
from minicnn.tensor import apply


class SyncBatchNorm(_BatchNorm):
    """`BatchNorm2d` (1d, …) whose μ and σ² are those of the whole batch, over all ranks; ``bn``.

    So N ranks do what one does with the whole batch. Each forward and each backward exchanges two
    numbers a channel. On one rank, and in evaluation, it is a `BatchNorm2d`.

    Args:
        num_features, eps, momentum, affine, track_running_stats: as in `BatchNorm2d`.
        process_group: the ranks, a `Communicator`; default: all of the job.
        device, dtype: where the parameters are made, and of which dtype.
        bias: with `affine`, whether there is a β.

    Raises:
        ShapeError: not (N, C, …), other channels, or one value per channel on all ranks together.
        RankLostError: a rank hangs, has ended, or does something else.
        DtypeError: a number of features that is no integer.

    >>> import minicnn as mc
    >>> SyncBatchNorm(6)(mc.randn(4, 6, 5, 5)).shape
    (4, 6, 5, 5)
    """

    def __init__(
        self,
        num_features,
        eps=1e-5,
        momentum=0.1,
        affine=True,
        track_running_stats=True,
        process_group=None,
        device=None,
        dtype=None,
        *,
        bias=True,
    ):
        super().__init__(
            num_features, eps, momentum, affine, track_running_stats, device, dtype, bias=bias
        )
        self.process_group = process_group

    def _check_input(self, input):
        if input.ndim < 2:
            raise ShapeError(f"SyncBatchNorm: expected input of shape (N, C, …), got {input.shape}")

    def forward(self, input):
        ranks = world() if self.process_group is None else self.process_group
        if not self.training or ranks.size == 1:
            return self.run(F.batch_norm, input)
        return self.run(partial(_sync_batch_norm, ranks), input)

    @classmethod
    def convert_sync_batchnorm(cls, module, process_group=None):
        """A network whose batch normalisations are `SyncBatchNorm`, with the same parameters.

        They are replaced inside `module`, which is returned (or, if it is one itself, what takes
        its place).

        >>> from minicnn import models
        >>> resnet = SyncBatchNorm.convert_sync_batchnorm(models.resnet18())
        >>> resnet.bn1
        SyncBatchNorm(64, eps=1e-05, momentum=0.1, affine=True, bias=True, track_running_stats=True)
        """
        if isinstance(module, _BatchNorm):
            return _converted(cls, module, process_group)
        for name, child in module.named_children():
            module.add_module(name, cls.convert_sync_batchnorm(child, process_group))
        return module


def _converted(cls, layer, process_group):
    new = cls(
        layer.num_features,
        layer.eps,
        layer.momentum,
        layer.affine,
        layer.track_running_stats,
        process_group,
    )
    # The very same tensors: an optimizer may hold the parameters already.
    for home in ("_parameters", "_buffers"):
        getattr(new, home).update(getattr(layer, home))
    return new.train(layer.training)


def _sync_batch_norm(
    ranks, input, running_mean, running_var, weight, bias, training, momentum, eps
):
    name = "SyncBatchNorm"
    eps, momentum, running, gamma, beta, _ = check_batch_norm(
        name, input, running_mean, running_var, weight, bias, training, momentum, eps, whole=False
    )
    shape = input.shape
    # (N, C, …) → (N, C, places)
    view, parameters = (*shape[:2], math.prod(shape[2:])), (1, shape[1], 1)
    operation = _SyncBatchNorm(ranks, view, parameters, eps)
    output = apply(operation, input, gamma, beta)
    if running is not None:
        update_running(running, operation.mean, operation.var, operation.count, momentum)
    return output


class _SyncBatchNorm(ops.BatchNorm):
    """x̂ = (x − μ)/√(σ² + ε), y = γ x̂ + β, for each channel over the M values on all ranks:

    M = Σ_r M_r,  μ = Σ_r M_r μ_r / M,  σ² = Σ_r M_r (σ_r² + (μ_r − μ)²) / M
    ∂L/∂x = γ/(M √(σ² + ε)) (M δ − Σ_r (∂L/∂β)_r − x̂ Σ_r (∂L/∂γ)_r)

    ∂L/∂β and ∂L/∂γ are this rank's own, as every parameter's gradient is.
    """

    def __init__(self, ranks, view, parameters, eps):
        super().__init__(view, (0, 2), parameters, eps)
        self.ranks = ranks

    def forward(self, x, gamma, beta):
        shape, dtype = x.shape, x.dtype
        x = self._seen(x)
        mean, var = self._moments_of_all(x, shape)
        inverse = 1 / array_module(x).sqrt(var + x.dtype.type(self.eps))
        scale, shift = (p.reshape(-1).astype(x.dtype) for p in (gamma, beta))
        self.normalized, y = find("channel_normalize", x)(x, mean, inverse, scale, shift)
        self.mean, self.var, self.inverse_std = (
            numbers.reshape(self.parameters) for numbers in (mean, var, inverse)
        )
        self.gamma = gamma
        return y.reshape(shape).astype(dtype, copy=False)

    def _moments_of_all(self, x, shape):
        xp = array_module(x)
        count = xp.full(1, x.shape[0] * x.shape[2])
        own = xp.concatenate([count, *find("channel_moments", x)(x)]).astype(np.float64)
        everyone = self.ranks.gather(own, "SyncBatchNorm, forward", STATISTICS)
        counts, means, variances = xp.split(everyone, [1, 1 + x.shape[1]], axis=1)
        self.count = int(counts.sum())
        one_value_has_no_variance("SyncBatchNorm", self.count, "channel", shape)
        mean = (counts * means).sum(0) / self.count
        var = (counts * (variances + (means - mean) ** 2)).sum(0) / self.count
        return mean.astype(x.dtype), var.astype(x.dtype)

    def backward(self, delta):
        (shape, dtype), (parameter_shape, gamma_dtype), (_, beta_dtype) = self.inputs
        delta = self._seen(delta)
        dbeta, dgamma = find("channel_sums", delta)(delta, self.normalized)
        # Also where nobody wants ∂L/∂x here: the other ranks may wait for it.
        xp = array_module(delta)
        sums = xp.concatenate([dbeta, dgamma]).astype(np.float64)
        self.ranks.start_sum(sums, "SyncBatchNorm, backward", STATISTICS).wait()
        dx = None
        if self.needs[0]:
            means = (s.astype(delta.dtype) for s in xp.split(sums / self.count, 2))
            scale = self.gamma.reshape(-1).astype(delta.dtype) * self.inverse_std.reshape(-1)
            dx = find("channel_gradient", delta)(delta, self.normalized, scale, *means)
            dx = dx.reshape(shape).astype(dtype, copy=False)
        return (
            dx,
            dgamma.reshape(parameter_shape).astype(gamma_dtype, copy=False),
            dbeta.reshape(parameter_shape).astype(beta_dtype, copy=False),
        )
