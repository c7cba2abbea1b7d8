"""`Parameter`: a tensor that a module learns."""

import numpy as np

from minicnn.checks import DtypeError
from minicnn.tensor import Tensor


class Parameter(Tensor):
    """A leaf tensor that wants gradients and, set as an attribute of a `Module`, belongs to it.

    As ``torch.nn.Parameter``.

    Args:
        data: a tensor; its memory is shared. None: a tensor of no elements, to be replaced.
        requires_grad: False freezes the parameter.

    Raises:
        DtypeError: `data` is not a tensor, or one of integers that should have gradients.

    >>> import minicnn as mc
    >>> Parameter(mc.zeros(2))
    Parameter containing:
    tensor([0., 0.], requires_grad=True)
    """

    __slots__ = ()

    def __init__(self, data=None, requires_grad=True):
        if data is None:
            data = np.empty(0, "float32")
        if isinstance(data, Tensor):
            data = data.detach().array
        try:
            super().__init__(data, requires_grad)
        except DtypeError as error:
            raise DtypeError(f"Parameter: {error}") from None

    def __repr__(self):
        return f"Parameter containing:\n{self._text('tensor')}"
