"""Borders as layers."""

from minicnn.nn import functional as F
from minicnn.nn.module import Module
from minicnn.shapes import as_tuple


class ZeroPad2d(Module):
    """Zeros around images; negative widths cut rows and columns off.

    `padding`: (left, right, top, bottom), or one number for all sides.

    As ``torch.nn.ZeroPad2d``.

    Raises:
        DtypeError: widths that are no integers; called on what is not a tensor.
        ShapeError: called where nothing would be left.

    >>> import minicnn as mc
    >>> mc.nn.ZeroPad2d((1, 2, 0, -1))(mc.ones(1, 1, 4, 4)).shape
    (1, 1, 3, 7)
    """

    def __init__(self, padding):
        super().__init__()
        # Any integer is a width, so there is no minimum to check.
        self.padding = as_tuple("ZeroPad2d", "padding", padding, 4, -float("inf"), exact=True)

    def forward(self, input):
        return F.pad(input, self.padding)

    def extra_repr(self):
        return f"{self.padding}"
