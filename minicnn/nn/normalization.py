"""Normalisation layers."""

import warnings

from minicnn.checks import ArgumentError, ShapeError, truth
from minicnn.creation import empty
from minicnn.dtypes import int64
from minicnn.functions.operands import tensor_only
from minicnn.functions.shaping import squeeze, unsqueeze
from minicnn.gpu import beside
from minicnn.nn import functional as F
from minicnn.nn import init
from minicnn.nn.module import Module
from minicnn.nn.parameter import Parameter
from minicnn.shapes import as_number, as_tuple


class _Affine(Module):
    """One with γ (`weight`) and β (`bias`), which begin as 1 and 0."""

    def _make_affine(self, shape, affine, bias, device, dtype):
        for name, wanted in (("weight", affine), ("bias", affine and bias)):
            values = Parameter(empty(shape, device=device, dtype=dtype)) if wanted else None
            self.register_parameter(name, values)

    def reset_parameters(self):
        """γ = 1 and β = 0 again."""
        if self.weight is not None:
            init.ones_(self.weight)
        if self.bias is not None:
            init.zeros_(self.bias)


class _Statistics(_Affine):
    """What batch and instance normalisation share: γ, β and running statistics for channels."""

    # PyTorch counts batches since version 0.4.1; weights that were published before have no count.
    _may_be_missing = ("num_batches_tracked",)

    def __init__(
        self,
        num_features,
        eps=1e-5,
        momentum=0.1,
        affine=True,
        track_running_stats=True,
        device=None,
        dtype=None,
        *,
        bias=True,
    ):
        super().__init__()
        self.num_features = as_number(type(self).__name__, "num_features", num_features, 0)
        self.eps, self.momentum = eps, momentum
        name = type(self).__name__
        affine = truth(name, "affine", affine)
        track_running_stats = truth(name, "track_running_stats", track_running_stats)
        self.affine, self.track_running_stats = affine, track_running_stats
        self._make_affine((self.num_features,), affine, bias, device, dtype)
        buffers = {"running_mean": None, "running_var": None, "num_batches_tracked": None}
        if track_running_stats:
            shape = (self.num_features,)
            buffers["running_mean"] = empty(shape, device=device, dtype=dtype)
            buffers["running_var"] = empty(shape, device=device, dtype=dtype)
            buffers["num_batches_tracked"] = empty((), device=device, dtype=int64)
        for name, values in buffers.items():
            self.register_buffer(name, values)
        self.reset_parameters()

    def reset_running_stats(self):
        """Mean 0, variance 1, no batch seen."""
        if self.track_running_stats:
            init.zeros_(self.running_mean)
            init.ones_(self.running_var)
            init.zeros_(self.num_batches_tracked)

    def reset_parameters(self):
        """γ = 1, β = 0, and the running statistics of the beginning."""
        self.reset_running_stats()
        super().reset_parameters()

    def _check_dimensions(self, input, allowed, shapes):
        tensor_only(type(self).__name__, input)
        if input.ndim not in allowed:
            raise ShapeError(
                f"{type(self).__name__}: expected input of shape {shapes}, got {input.shape}"
            )

    def extra_repr(self):
        return (
            f"{self.num_features}, eps={self.eps}, momentum={self.momentum}, affine={self.affine}, "
            f"bias={self.bias is not None}, track_running_stats={self.track_running_stats}"
        )


class _BatchNorm(_Statistics):
    def forward(self, input):
        return self.run(F.batch_norm, input)

    def run(self, function, input):
        """`function`, which takes what `F.batch_norm` does, with this layer's state."""
        self._check_input(input)
        if self.running_mean is not None and input.shape[1] != self.num_features:
            raise ShapeError(
                f"{type(self).__name__}: input of shape {input.shape} has {input.shape[1]} "
                f"channels, expected {self.num_features} (num_features)"
            )
        tracks = self.training and self.track_running_stats
        counted = self.num_batches_tracked if tracks else None
        momentum = 0.0 if self.momentum is None else self.momentum
        if counted is not None and self.momentum is None:
            # No momentum: the mean of all batches, r ← r + (s − r)/batches.
            momentum = 1 / (int(counted) + 1)
        output = function(
            input,
            self.running_mean if not self.training or tracks else None,
            self.running_var if not self.training or tracks else None,
            self.weight,
            self.bias,
            self.training or self.running_mean is None,
            momentum,
            self.eps,
        )
        # Counted when it has worked: a batch that is refused leaves the layer as it was.
        if counted is not None:
            with beside(counted.array):  # by whom it is counted: to ask a GPU takes time
                counted.array += 1
            counted._version.changes += 1
        return output


class BatchNorm1d(_BatchNorm):
    """Batch normalisation of (N, C) or (N, C, L), for each of C channels; equation ``bn``.

    As ``torch.nn.BatchNorm1d``.

    Args:
        num_features: C.
        eps: ε, added to the variance.
        momentum: the share of the newest batch in the running statistics; None: the mean of all
            batches seen.
        affine: learn γ and β (with `bias` False, γ alone).
        track_running_stats: keep running statistics, for `eval()`; without them the batch's own are
            always used.
        device, dtype: where the parameters are made, and of which dtype.

    Raises:
        ShapeError: other dimensions, other channels, or one value per channel while training.
        DtypeError: numbers that are no integers; called on what is not a floating-point tensor.

    >>> import minicnn as mc
    >>> y = BatchNorm1d(3)(mc.randn(8, 3))
    >>> bool((y.mean(0).abs() < 1e-6).all())
    True
    """

    def _check_input(self, input):
        self._check_dimensions(input, (2, 3), "(N, C) or (N, C, L)")


class BatchNorm2d(_BatchNorm):
    """Batch normalisation of images (N, C, H, W), for each channel; equation ``bn``.

    Stands between a convolution, which then needs no bias, and its activation. Arguments and errors
    as `BatchNorm1d`.

    As ``torch.nn.BatchNorm2d``.

    Args:
        num_features, eps, momentum, affine, track_running_stats: as for `BatchNorm1d`; (C,), ε, ….
        bias: with `affine`, whether there is a β.
        device, dtype: where the parameters are made, and of which dtype.

    Raises:
        ShapeError: called on other shapes than (N, C, H, W), other channels, or one value a channel
            in training.
        DtypeError: numbers that are no integers; called on what is not a floating-point tensor.

    >>> import minicnn as mc
    >>> BatchNorm2d(6)(mc.randn(4, 6, 5, 5)).shape
    (4, 6, 5, 5)
    """

    def _check_input(self, input):
        self._check_dimensions(input, (4,), "(N, C, H, W)")


class InstanceNorm2d(_Statistics):
    """Normalisation of each map of (N, C, H, W) or (C, H, W) on its own; ``instance-norm``.

    Arguments as `BatchNorm1d`, but by default there are neither γ and β nor running statistics.

    As ``torch.nn.InstanceNorm2d``.

    Args:
        num_features, eps, momentum, affine, track_running_stats: as for `BatchNorm1d`.
        device, dtype: where the parameters are made, and of which dtype.
        bias: with `affine`, whether there is a β.

    Raises:
        ShapeError: called on other shapes, other channels, or maps of one value in training.
        DtypeError: numbers that are no integers; called on what is not a floating-point tensor.

    >>> import minicnn as mc
    >>> InstanceNorm2d(3)(mc.randn(2, 3, 5, 5)).shape
    (2, 3, 5, 5)
    """

    def __init__(
        self,
        num_features,
        eps=1e-5,
        momentum=0.1,
        affine=False,
        track_running_stats=False,
        device=None,
        dtype=None,
        *,
        bias=True,
    ):
        super().__init__(
            num_features, eps, momentum, affine, track_running_stats, device, dtype, bias=bias
        )

    def forward(self, input):
        self._check_dimensions(input, (3, 4), "(N, C, H, W) or (C, H, W)")
        channels = input.shape[-3]
        if channels != self.num_features:
            text = (
                f"InstanceNorm2d: input of shape {input.shape} has {channels} channels, expected "
                f"{self.num_features} (num_features)"
            )
            if self.affine or self.track_running_stats:
                raise ShapeError(text)
            warnings.warn(f"{text}; it is not used without affine", UserWarning, stacklevel=3)
        alone = input.ndim == 3
        output = F.instance_norm(
            unsqueeze(input, 0) if alone else input,
            self.running_mean,
            self.running_var,
            self.weight,
            self.bias,
            self.training or not self.track_running_stats,
            0.0 if self.momentum is None else self.momentum,
            self.eps,
        )
        return squeeze(output, 0) if alone else output


class LayerNorm(_Affine):
    """Normalisation over the last dimensions of each sample; equation ``layer-norm``.

    As ``torch.nn.LayerNorm``.

    Args:
        normalized_shape: their sizes, or one size.
        eps: ε.
        elementwise_affine: learn γ and β, of shape `normalized_shape` (with `bias` False, γ alone).
        device, dtype: where the parameters are made, and of which dtype.

    Raises:
        ShapeError: called on an input that does not end in those sizes.
        DtypeError: called on what is not a floating-point tensor.

    >>> import minicnn as mc
    >>> LayerNorm([3, 5])(mc.randn(2, 3, 5)).shape
    (2, 3, 5)
    """

    def __init__(
        self,
        normalized_shape,
        eps=1e-5,
        elementwise_affine=True,
        bias=True,
        device=None,
        dtype=None,
    ):
        super().__init__()
        sizes = (normalized_shape,) if hasattr(normalized_shape, "__index__") else normalized_shape
        count = len(sizes) if hasattr(sizes, "__len__") else 1
        self.normalized_shape = as_tuple("LayerNorm", "normalized_shape", sizes, max(count, 1), 0)
        self.eps, self.elementwise_affine = eps, elementwise_affine
        self._make_affine(self.normalized_shape, elementwise_affine, bias, device, dtype)
        self.reset_parameters()

    def forward(self, input):
        return F.layer_norm(input, self.normalized_shape, self.weight, self.bias, self.eps)

    def extra_repr(self):
        return (
            f"{self.normalized_shape}, eps={self.eps}, "
            f"elementwise_affine={self.elementwise_affine}, bias={self.bias is not None}"
        )


class GroupNorm(_Affine):
    """Normalisation over groups of channels of each sample; equation ``group-norm``.

    As ``torch.nn.GroupNorm``.

    Args:
        num_groups: divides `num_channels`.
        num_channels: C of an input (N, C, …).
        eps: ε.
        affine: learn γ and β for each channel (with `bias` False, γ alone).
        device, dtype: where the parameters are made, and of which dtype.

    Raises:
        ArgumentError: groups that do not divide the channels.
        DtypeError: numbers that are no integers; called on what is not a floating-point tensor.

    >>> import minicnn as mc
    >>> GroupNorm(2, 6)(mc.randn(2, 6, 4, 4)).shape
    (2, 6, 4, 4)
    """

    def __init__(
        self, num_groups, num_channels, eps=1e-5, affine=True, device=None, dtype=None, *, bias=True
    ):
        super().__init__()
        self.num_groups = as_number("GroupNorm", "num_groups", num_groups, 1)
        self.num_channels = as_number("GroupNorm", "num_channels", num_channels, 0)
        if self.num_channels % self.num_groups:
            raise ArgumentError(
                f"GroupNorm: num_channels ({num_channels}) must be divisible by num_groups "
                f"({num_groups})"
            )
        self.eps, self.affine = eps, truth("GroupNorm", "affine", affine)
        self._make_affine((self.num_channels,), affine, bias, device, dtype)
        self.reset_parameters()

    def forward(self, input):
        return F.group_norm(input, self.num_groups, self.weight, self.bias, self.eps)

    def extra_repr(self):
        return (
            f"{self.num_groups}, {self.num_channels}, eps={self.eps}, affine={self.affine}, "
            f"bias={self.bias is not None}"
        )


class LocalResponseNorm(Module):
    """AlexNet's normalisation over neighbouring channels; equation ``lrn``.

    Arguments as `minicnn.nn.functional.local_response_norm`; the paper's layer is
    ``LocalResponseNorm(5, alpha=5e-4, beta=0.75, k=2)``.

    As ``torch.nn.LocalResponseNorm``.

    Args:
        size: n, the number of neighbouring maps.
        alpha, beta, k: numbers of the formula.

    Raises:
        ShapeError: called on fewer than three dimensions.
        DtypeError: called on what is not a floating-point tensor.
        ArgumentError: called, where `size` < 1.

    >>> import minicnn as mc
    >>> mc.nn.LocalResponseNorm(5)(mc.ones(1, 7, 4, 4)).shape
    (1, 7, 4, 4)
    """

    def __init__(self, size, alpha=0.0001, beta=0.75, k=1.0):
        super().__init__()
        self.size, self.alpha, self.beta, self.k = size, alpha, beta, k

    def forward(self, input):
        return F.local_response_norm(input, self.size, self.alpha, self.beta, self.k)

    def extra_repr(self):
        return f"{self.size}, alpha={self.alpha}, beta={self.beta}, k={self.k}"
