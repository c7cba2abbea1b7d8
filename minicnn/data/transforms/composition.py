"""Transforms made of other functions."""

from minicnn.checks import ArgumentError, DtypeError
from minicnn.data.arguments import checked_function
from minicnn.data.transforms.drawing import (
    checked_numbers,
    checked_probability,
    happens,
    numbers,
)


def _checked_transforms(operation, transforms):
    if not isinstance(transforms, (list, tuple)):
        raise DtypeError(
            f"{operation}: expected a list of transforms, got {type(transforms).__name__}"
        )
    for i, transform in enumerate(transforms):
        checked_function(operation, f"transform {i}", transform)
    return transforms


def _listed(transforms):
    return f"[{', '.join(repr(t) for t in transforms)}]"


class Compose:
    """Transforms one after the other.

    As ``torchvision.transforms.Compose``.

    Args:
        transforms: a list of callables.

    Raises:
        DtypeError: not a list, or an entry that cannot be called.

    >>> import numpy as np
    >>> from minicnn.data.transforms import Normalize, ToTensor
    >>> transform = Compose([ToTensor(), Normalize(0.5, 0.5)])
    >>> transform(np.array([[0, 255]], "uint8"))
    tensor([[[-1.,  1.]]])
    """

    def __init__(self, transforms):
        self.transforms = _checked_transforms("Compose", transforms)

    def __call__(self, image):
        for transform in self.transforms:
            image = transform(image)
        return image

    def __repr__(self):
        return f"Compose({_listed(self.transforms)})"


class RandomApply:
    """All of the transforms, one after the other, with probability `p`; else none of them.

    As ``torchvision.transforms.RandomApply``.

    Args:
        transforms: a list of callables.
        p: the probability, a number from 0 to 1.

    Raises:
        ArgumentError: a probability outside of 0 … 1.
        DtypeError: not a list, or an entry that cannot be called.

    >>> import numpy as np
    >>> from minicnn.data.transforms import Pad
    >>> RandomApply([Pad(1), Pad(1)], p=1)(np.ones((1, 1))).shape
    (5, 5)
    """

    def __init__(self, transforms, p=0.5):
        self.transforms = _checked_transforms("RandomApply", transforms)
        self.p = checked_probability("RandomApply", p)

    def __call__(self, img):
        if happens(self.p):
            for transform in self.transforms:
                img = transform(img)
        return img

    def __repr__(self):
        return f"RandomApply({_listed(self.transforms)}, p={self.p})"


class RandomChoice:
    """One of the transforms, a random one.

    As ``torchvision.transforms.RandomChoice``.

    Args:
        transforms: a list of callables.
        p: a weight for each, ≥ 0; default: all alike.

    Raises:
        ArgumentError: no transforms, or weights that do not fit.
        DtypeError: not a list, or an entry that cannot be called.

    >>> import numpy as np
    >>> from minicnn.data.transforms import Pad
    >>> RandomChoice([Pad(1), Pad(2)], p=[0, 1])(np.ones((1, 1))).shape
    (5, 5)
    """

    def __init__(self, transforms, p=None):
        self.transforms = _checked_transforms("RandomChoice", transforms)
        if not transforms:
            raise ArgumentError("RandomChoice: expected at least one transform, got none")
        self.p = p
        self._shares = None
        if p is not None:
            weights = checked_numbers("RandomChoice", "p", p, (len(transforms),))
            if not (min(weights) >= 0 and 0 < sum(weights) < float("inf")):
                raise ArgumentError(
                    f"RandomChoice: p must be weights of at least 0, and not all 0; got {p!r}"
                )
            self._shares = [weight / sum(weights) for weight in weights]

    def __call__(self, img):
        return self.transforms[numbers().choice(len(self.transforms), p=self._shares)](img)

    def __repr__(self):
        return f"RandomChoice({_listed(self.transforms)}, p={self.p})"


class RandomOrder:
    """All of the transforms, in a random order.

    As ``torchvision.transforms.RandomOrder``.

    Args:
        transforms: a list of callables.

    Raises:
        DtypeError: not a list, or an entry that cannot be called.

    >>> import numpy as np
    >>> from minicnn.data.transforms import Pad
    >>> RandomOrder([Pad(1), Pad(2)])(np.ones((1, 1))).shape
    (7, 7)
    """

    def __init__(self, transforms):
        self.transforms = _checked_transforms("RandomOrder", transforms)

    def __call__(self, img):
        for i in numbers().permutation(len(self.transforms)):
            img = self.transforms[i](img)
        return img

    def __repr__(self):
        return f"RandomOrder({_listed(self.transforms)})"


class Lambda:
    """A function of one's own as a transform.

    As ``torchvision.transforms.Lambda``.

    Args:
        lambd: the function; it is given the image.

    Raises:
        DtypeError: it cannot be called.

    >>> import numpy as np
    >>> Lambda(lambda image: 255 - image)(np.array([[0, 200]], "uint8"))
    array([[255,  55]], dtype=uint8)
    """

    def __init__(self, lambd):
        self.lambd = checked_function("Lambda", "lambd", lambd)

    def __call__(self, image):
        return self.lambd(image)

    def __repr__(self):
        return "Lambda()"
