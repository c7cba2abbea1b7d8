"""Weights that torchvision publishes: their addresses, classes, figures and preprocessing.

The facts stand in ``files/weights.toml``. They become enumerations of torchvision's names, which
are made when they are asked for: ``models.ResNet50_Weights.IMAGENET1K_V2``.

The files are torchvision's. Where they could be fetched from was looked up in torchvision 0.28; a
download from there has not been part of the tests, which fetch from a server of their own.
"""

import enum
import functools
import tomllib
from dataclasses import dataclass, field
from importlib.resources import files

from minicnn.checks import ArgumentError, DtypeError, closest
from minicnn.models.cache import weights_file
from minicnn.models.preprocessing import ImageClassification
from minicnn.models.registry import get_model_builder
from minicnn.serialization import load


@dataclass(frozen=True)
class Weights:
    """What is known of published weights.

    As ``torchvision.models.Weights``. It only holds what it is given: nothing is raised.

    Attributes:
        url: where they are.
        transforms: a function without arguments that gives their preprocessing.
        meta: ``categories`` (the names of the classes), ``num_params``, ``min_size``, ``recipe``,
            and as in torchvision ``_metrics`` (accuracies), ``_ops`` (10⁹ multiplications an image)
            and ``_file_size`` (MB).

    >>> get_weight("ResNet18_Weights.DEFAULT").value.meta["num_params"]
    11689512
    """

    url: str
    transforms: object
    meta: dict = field(repr=False)


class WeightsEnum(enum.Enum):
    """An enumeration of the weights of one network; each value is a `Weights`.

    As ``torchvision.models.WeightsEnum``; `models.get_model_weights` gives that of a network.

    Raises:
        ValueError: called with what is none of its values.

    >>> import minicnn as mc
    >>> mc.models.ResNet18_Weights.DEFAULT is mc.models.ResNet18_Weights.IMAGENET1K_V1
    True
    """

    @classmethod
    def verify(cls, obj):
        """`obj`, a member or its name, as a member; None stays None.

        Raises:
            ArgumentError: no weights have that name.
            DtypeError: weights of another network, or neither a name nor a member.
        """
        if obj is None or isinstance(obj, cls):
            return obj
        if not isinstance(obj, str):
            raise DtypeError(
                f"{cls.__name__}: expected one of its members or a name, got {obj!r} "
                f"({type(obj).__name__})"
            )
        name = obj.removeprefix(f"{cls.__name__}.")
        if name not in cls.__members__:
            raise ArgumentError(
                f"{cls.__name__}: no weights are called {name!r}{closest(name, cls.__members__)}; "
                f"there are {', '.join(cls.__members__)}"
            )
        return cls[name]

    def get_state_dict(self, progress=True, check_hash=True):
        """The weights by name; downloaded into `models.weights_folder()` if they are not there.

        `progress` shows how far a download is, `check_hash` compares it with what its name says.
        """
        return load(weights_file(self.url, progress, check_hash))

    def __repr__(self):
        return f"{type(self).__name__}.{self.name}"

    def __reduce_ex__(self, protocol):
        # By its name: Python would pickle all of its value, and look for an equal one.
        return getattr, (type(self), self.name)

    @property
    def url(self):
        """Where the file is."""
        return self.value.url

    @property
    def transforms(self):
        """A function that gives the preprocessing of images for these weights."""
        return self.value.transforms

    @property
    def meta(self):
        """What else is known: classes, figures, where they come from."""
        return self.value.meta


@functools.cache
def _table():
    return tomllib.loads(_text("weights.toml"))


def _text(name):
    return (files("minicnn.models") / "files" / name).read_text(encoding="utf-8")


@functools.cache
def _categories(file):
    return _text(file).splitlines() if file else None


@functools.cache
def enumeration(network):
    """The enumeration of the weights that are published for `network`; None if there are none.

    >>> list(enumeration("resnet50"))
    [ResNet50_Weights.IMAGENET1K_V1, ResNet50_Weights.IMAGENET1K_V2]
    """
    facts = _table().get(network)
    if not isinstance(facts, dict):
        return None
    members = {n: _weights(fact) for n, fact in facts.items() if isinstance(fact, dict)}
    members["DEFAULT"] = members[facts["default"]]
    return WeightsEnum(facts["enumeration"], members, module=__name__)


def _weights(fact):
    meta = {
        "num_params": fact["num_params"],
        "min_size": tuple(fact["min_size"]),
        "categories": _categories(fact["classes"]),
        "recipe": fact["recipe"],
        "_metrics": {"ImageNet-1K": {"acc@1": fact["acc1"], "acc@5": fact["acc5"]}},
        "_ops": fact["gmacs"],
        "_file_size": fact["megabytes"],
    }
    transforms = functools.partial(ImageClassification, **fact["transforms"])
    return Weights(_table()["server"] + fact["file"], transforms, meta)


@functools.cache
def _networks():
    """The networks by the names of their enumerations."""
    return {f["enumeration"]: name for name, f in _table().items() if isinstance(f, dict)}


def __getattr__(name):
    # Most programs need none of them, and those that do need one.
    if name.endswith("_Weights") and name in _networks():
        return enumeration(_networks()[name])
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def get_model_weights(name):
    """The enumeration of the weights that are published for a network.

    As ``torchvision.models.get_model_weights``.

    Args:
        name: its name, or the function that builds it.

    Raises:
        ArgumentError: no network is called so, or none are published for it.

    >>> get_model_weights("resnet50").DEFAULT.meta["categories"][:2]
    ['tench', 'goldfish']
    """
    if not isinstance(name, str):
        name = getattr(name, "__name__", repr(name))
    builder = get_model_builder(name)
    found = enumeration(builder.__name__)
    if found is None:
        raise ArgumentError(
            f"get_model_weights: no weights are published for {name}; of those of one's own, give "
            f"the path of the file: {name}(weights='file.safetensors')"
        )
    return found


def get_weight(name):
    """The member of an enumeration of weights by its full name.

    As ``torchvision.models.get_weight``.

    Args:
        name: a string, ``"Enumeration.MEMBER"``.

    Raises:
        ArgumentError: there is none.
        DtypeError: not a string.

    >>> get_weight("ResNet50_Weights.IMAGENET1K_V2").url
    'https://download.pytorch.org/models/resnet50-11ad3fa6.pth'
    """
    if not isinstance(name, str):
        raise DtypeError(f"get_weight: expected a string, got {type(name).__name__}")
    network, dot, member = name.partition(".")
    if not dot or not member:
        raise ArgumentError(
            f"get_weight: {name!r} is not of the form 'ResNet50_Weights.IMAGENET1K_V2'"
        )
    if network not in _networks():
        raise ArgumentError(
            f"get_weight: there is no {network!r}{closest(network, _networks())}; "
            "models.get_model_weights('resnet50') has those of a network"
        )
    return enumeration(_networks()[network]).verify(member)
