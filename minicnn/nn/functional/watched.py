"""Whether somebody looks at single operations, so that none may be run together with others."""

from minicnn.kernels import registry
from minicnn.modes import mode


def runs_fused(input):
    """Whether a fused kernel may and can take `input`.

    It may not while a recorder watches, or where the readable kernels are asked for; then the
    operations that it stands for are run one by one.
    """
    unwatched = mode().recorder is None and registry.in_force() == "cpu"
    return unwatched and input.dtype == "float32" and input.numel() > 0
