"""Transforms made of other functions."""

from minicnn.checks import DtypeError
from minicnn.data.arguments import checked_function


class Compose:
    """Transforms one after the other.

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
        if not isinstance(transforms, (list, tuple)):
            raise DtypeError(
                f"Compose: expected a list of transforms, got {type(transforms).__name__}"
            )
        for i, transform in enumerate(transforms):
            checked_function("Compose", f"transform {i}", transform)
        self.transforms = transforms

    def __call__(self, image):
        for transform in self.transforms:
            image = transform(image)
        return image

    def __repr__(self):
        return f"Compose([{', '.join(repr(t) for t in self.transforms)}])"


class Lambda:
    """A function of one's own as a transform.

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
