"""What a pickle of PyTorch's may hold, and what is said of everything else."""

from dataclasses import dataclass

from minicnn.checks import ArgumentError
from minicnn.tensor import Tensor

# Weights need about 150 bytes a tensor; the rest is for lists of numbers in checkpoints.
LARGEST_PICKLE = 64 << 20  # bytes
# Of each: instructions, values that calls look at, values in the result with repeated ones counted
# again. Ten seconds' work at most.
MOST_STEPS = 4_000_000
MOST_TENSORS = 200_000
DEEPEST = 100  # levels of nesting

WHAT_IS_TAKEN = (
    "from PyTorch's files minicnn takes tensors, numbers, strings, lists, tuples and dictionaries, "
    "and it executes nothing"
)


class Refused(Exception):
    """The file is damaged or holds what is not taken; `kind` is the class of error to raise."""

    def __init__(self, text, kind=ArgumentError):
        super().__init__(text)
        self.kind = kind


@dataclass(frozen=True)
class Storage:
    """A run of bytes in the file: `nbytes` of the storage `key`, from byte `first` on."""

    key: str
    whole: int  # bytes that the storage `key` has
    first: int
    nbytes: int
    dtype: str  # PyTorch's name
    itemsize: int


@dataclass(frozen=True)
class View:
    """A tensor that still lacks its array: elements of `storage` by offset, size and stride."""

    tensor: Tensor
    storage: Storage
    dtype: str
    offset: int
    size: tuple
    stride: tuple


def shown(text):
    """`text` from a file for a message: one line, and not too long."""
    text = repr(text[:121])[1:-1]
    return text if len(text) <= 120 else text[:117] + "…"


def kind_of(value):
    """What a message calls something on the stack."""
    if type(value) is Known:
        return value.name
    if type(value) is dict:
        return "a dictionary"
    name = type(value).__name__
    return f"{'an' if name[:1].lower() in 'aeiou' else 'a'} {name}"


def is_size(value):
    return type(value) is int and 0 <= value < 2**63


def checked_key(key):
    """`key`, if a dictionary may have it: what is hashed and compared at once.

    (A tuple that holds the one before twice, fifty times over, would take for ever.)
    """
    kind = type(key)
    if kind in (str, bool, float, type(None)) or (kind is int and -(2**63) <= key < 2**63):
        return key
    raise Refused(
        f"holds a dictionary with {kind_of(key)} as a key; keys must be strings or integers (of 64 "
        "bits)"
    )


@dataclass(frozen=True)
class Known:
    """A name that a pickle may use: a function's stand-in, or a type of storage."""

    name: str
    call: object = None
    dtype: tuple = None  # of a type of storage: PyTorch's name of the dtype, bytes an element


def check_plain(root):
    """Refuse what is no plain value, contains itself, or is too deep or too large to write out.

    Ten lists, each of which holds the one before ten times, take a few bytes and have ten thousand
    million values.
    """
    done, stack = {}, [root]  # id → (values, levels); None while its items are looked at
    while stack:
        value = stack[-1]
        items = value.values() if type(value) is dict else value
        if type(value) not in (dict, list, tuple):
            _check_leaf(value)
            stack.pop()
        elif id(value) not in done:
            done[id(value)] = None
            for item in items:
                if type(item) not in (dict, list, tuple):
                    _check_leaf(item)
                elif item and id(item) not in done:
                    stack.append(item)
                elif item and done[id(item)] is None:
                    raise Refused("holds a container that contains itself")
        else:
            stack.pop()
            if done[id(value)] is None:
                inner = [done.get(id(i), (1, 1)) for i in items if type(i) in (dict, list, tuple)]
                values = 1 + len(value) + sum(n for n, _ in inner)
                levels = 1 + max([n for _, n in inner], default=0)
                if values > MOST_STEPS:
                    raise Refused(f"holds more than {MOST_STEPS:,} values, repeated ones included")
                if levels > DEEPEST:
                    raise Refused(f"is nested more than {DEEPEST} levels deep")
                done[id(value)] = values, levels


def _check_leaf(value):
    if isinstance(value, Storage):
        raise Refused("holds a storage that belongs to no tensor; save tensors instead")
    if type(value) is Known:
        raise Refused(f"holds {value.name} itself as a value; {WHAT_IS_TAKEN}")
