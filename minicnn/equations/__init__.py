r"""Every equation minicnn is derived from, as data.

The text of an equation stands here and nowhere else; code, docs, stepper and grader cite its key.

>>> from minicnn import equations
>>> equations.get("1.7").plain
'∂f/∂W = (∂f/∂Y) ⊗ X'
>>> equations.get("relu").latex
'\\text{ReLU}(x) = \\max(0, x)'

`slips` holds what circulates in a wrong form, beside the right one:

>>> slip = equations.slips[5]
>>> print(slip.circulates, "·", slip.equation, "·", slip.right[:29])
EfficientNet chooses α · β² · γ² ≈ 1 · compound-scaling · ≈ 2: the cost doubles with ev

Notation: ⊗ is cross-correlation without padding (narrow), ⊗~ the wide one (zero padding of
kernel size − 1 on every side), ∗ true convolution (the kernel is rotated), ⊙ the element-wise
product, rot180 the rotation of the last two axes by 180°, δ = ∂L/∂Z the error term of a net
input Z. X is M×N and W is m×n; indices start at 1.

An unknown key raises `UnknownEquation`, which is a KeyError and a ValueError.
"""

from .equation import Equation
from .known_slips import Slip, slips
from .registry import UnknownEquation, all, get, keys

__all__ = ["Equation", "Slip", "UnknownEquation", "all", "get", "keys", "slips"]
