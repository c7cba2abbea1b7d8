"""Functions that do at once what several others do one after the other: fewer ways to memory.

Each has an *expansion*, those others, which is what is run where somebody looks: while a recorder
watches, under ``kernels("plain")``, and for dtypes without a kernel.
"""

from minicnn.checks import ArgumentError, ShapeError, one_of
from minicnn.functions.operands import tensor_only
from minicnn.gpu import copied
from minicnn.nn.functional import activation
from minicnn.nn.functional.normalization import batch_norm, check_batch_norm, update_running
from minicnn.nn.functional.watched import runs_fused
from minicnn.ops.norm_act import BatchNormAct
from minicnn.tensor import apply

ACTIVATIONS = ("relu", "relu6", "silu", "hardswish")


def batch_norm_act(
    input,
    running_mean,
    running_var,
    weight=None,
    bias=None,
    training=False,
    momentum=0.1,
    eps=1e-05,
    act=None,
    residual=None,
):
    """f(BN(x) + r): `batch_norm`, a shortcut, an activation, in one go (``bn``, ``activation``).

    Equal to ``act(batch_norm(input, …) + residual)`` to rounding, in the results, the gradients and
    the running statistics. minicnn's own; PyTorch has no name for it.

    Args:
        input, running_mean, running_var, weight, bias, training, momentum, eps: see `batch_norm`.
        act: ``"relu"``, ``"relu6"``, ``"silu"``, ``"hardswish"``, or None for no activation.
        residual: what a shortcut adds before the activation, of the input's shape; None: nothing.
            With a shortcut `act` is ``"relu"`` or None.

    Returns:
        Like `input`.

    Raises:
        ArgumentError: another activation. ShapeError: a shortcut of another shape. Others as
        `batch_norm`.
        DtypeError: not tensors, or of other dtypes.

    >>> import minicnn as mc
    >>> import minicnn.nn.functional as F
    >>> x = mc.tensor([[1.0], [3.0]])
    >>> F.batch_norm_act(x, None, None, training=True, eps=1e-9, act="relu")
    tensor([[0.],
            [1.]])
    """
    name = "batch_norm_act"
    one_of(name, "act", act, (None, *ACTIVATIONS))
    checked = check_batch_norm(
        name, input, running_mean, running_var, weight, bias, training, momentum, eps
    )
    if residual is not None:
        tensor_only(name, residual)
        if residual.shape != input.shape or residual.dtype != input.dtype:
            raise ShapeError(
                f"{name}: the shortcut is added to the normalised input and has its shape and "
                f"dtype, {input.shape} of {input.dtype}; got {residual.shape} of {residual.dtype}"
            )
        if act not in (None, "relu"):
            raise ArgumentError(f"{name}: with a shortcut act must be 'relu' or None, got {act!r}")
    if not runs_fused(input):
        y = batch_norm(input, running_mean, running_var, weight, bias, training, momentum, eps)
        y = y if residual is None else y + residual
        return getattr(activation, act)(y) if act else y
    eps, momentum, running, gamma, beta, training = checked
    # Copies: the running statistics may move on before backward needs them.
    statistics = None if training else tuple(copied(t.array) for t in running)
    operation = BatchNormAct(eps, act, statistics)
    shortcut = () if residual is None else (residual,)
    output = apply(operation, input, gamma, beta, *shortcut)
    if training and running is not None:
        update_running(running, operation.mean, operation.var, operation.count, momentum)
    return output
