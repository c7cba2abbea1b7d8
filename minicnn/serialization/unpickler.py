"""What PyTorch's pickles describe, without executing them.

A pickle is a program for a small stack machine: "push this number", "make a list of what was
pushed", "call the function of that name". Python's own reader runs any function that a file names,
which is why a pickle from a stranger can do anything. The interpreter here knows the instructions
that build plain values; and of names, a fixed table (``pickled_names.py``), each of which stands
for a few lines there. Every other name and instruction is an error.

Tensors are described only: where their bytes are, ``pytorch.py`` knows.
"""

import io
import pickle
import pickletools

from minicnn.serialization.pickled_names import known
from minicnn.serialization.pickled_values import (
    MOST_STEPS,
    WHAT_IS_TAKEN,
    Known,
    Refused,
    Storage,
    check_plain,
    checked_key,
    is_size,
    kind_of,
    shown,
)


class Unpickler:
    """Interprets one pickle.

    Args:
        data: bytes.
        position: where the pickle begins.

    Attributes:
        position: where it ended.
        views: the tensors it described, whose arrays the caller sets.

    A subclass for other pickles may know other names (`known`), and what to make of strings
    (`_text`) and of attributes (`_build`).

    >>> import pickle
    >>> Unpickler(pickle.dumps({"epoch": 3, "sizes": [(1, 2)]}, 2)).load()
    {'epoch': 3, 'sizes': [(1, 2)]}
    """

    known = staticmethod(known)

    def __init__(self, data, position=0):
        self.position = position
        self.views = []
        self._data = data
        self._stack, self._below, self._memo = [], [], {}
        self._looked_at = 0

    def load(self):
        """The value that the pickle describes.

        Raises:
            Refused: the message names what was found.
        """
        file = io.BytesIO(self._data)
        file.seek(self.position)
        try:
            for _ in range(MOST_STEPS):
                code = file.read(1)
                if code == _STOP:
                    break
                if code not in _INSTRUCTIONS:
                    raise Refused(_why_refused(code, file))
                _INSTRUCTIONS[code](self, file)
            else:
                raise Refused(f"has a pickle of more than {MOST_STEPS:,} instructions")
            value = self._stack.pop()
        except (ValueError, OverflowError) as error:
            raise Refused(f"is damaged or incomplete ({shown(str(error))})") from None
        except (IndexError, KeyError):
            raise Refused("is damaged: its pickle takes what it has not put on the stack") from None
        self.position = file.tell()
        check_plain(value)
        return value

    def count(self, n):
        """Refuse calls that together look at too many values.

        A list of a hundred thousand takes a few bytes to name again in the next of a million calls.
        """
        self._looked_at += n
        if self._looked_at > MOST_STEPS:
            raise Refused(f"has a pickle whose calls take more than {MOST_STEPS:,} values")

    def _text(self, argument):
        # pickletools reads strings of Python 2 as Latin-1; PyTorch takes them for UTF-8.
        self._stack.append(argument.encode("latin-1").decode())

    # -------------------------------------------------------------- containers

    def _mark(self, _):
        self._below.append(self._stack)
        self._stack = []

    def _above_mark(self):
        items, self._stack = self._stack, self._below.pop()
        return items

    def _last(self, n):
        if len(self._stack) < n:
            raise IndexError
        items = self._stack[-n:]
        del self._stack[-n:]
        return items

    def _tuple(self, _):
        items = tuple(self._above_mark())  # first, since it brings the other stack back
        self._stack.append(items)

    def _append(self, items):
        target = self._stack[-1]
        if type(target) is not list:
            raise Refused(f"is damaged: it appends to {kind_of(target)}")
        target.extend(items)

    def _set_items(self, items):
        target = self._stack[-1]
        if type(target) is not dict or len(items) % 2:
            raise Refused(
                f"is damaged: it sets an item of {kind_of(target)}, or one without a value"
            )
        for key, value in zip(items[::2], items[1::2], strict=True):
            target[checked_key(key)] = value

    def _build(self, _):
        """State dicts are OrderedDicts with an attribute `_metadata`, which nothing here needs."""
        target, state = self._last(2)
        if type(target) is not dict or type(state) is not dict:
            raise Refused(f"sets the attributes of {kind_of(target)}; {WHAT_IS_TAKEN}")
        self._stack.append(target)

    # ---------------------------------------------------------------- the memo

    def _put(self, index):
        self._memo[index] = self._stack[-1]

    def _memoize(self, _):
        self._memo[len(self._memo)] = self._stack[-1]

    def _get(self, index):
        self._stack.append(self._memo[index])

    # --------------------------------------------------------- names and calls

    def _global(self, names):
        self._stack.append(self.known(*names))

    def _stack_global(self, _):
        module, name = self._last(2)
        if type(module) is not str or type(name) is not str:
            raise Refused("is damaged: a name is not a string")
        self._stack.append(self.known(module, name))

    def _reduce(self, _):
        function, arguments = self._last(2)
        if type(function) is not Known or function.call is None:
            raise Refused(f"calls {kind_of(function)}; {WHAT_IS_TAKEN}")
        if type(arguments) is not tuple:
            raise Refused(f"is damaged: {function.name} is called with no tuple")
        self._stack.append(self.call(function, arguments))

    def call(self, function, arguments):
        """What the known `function` gives for the pickle's `arguments`."""
        self.count(len(arguments))
        try:
            return function.call(self, *arguments)
        except TypeError:  # another number of arguments
            raise Refused(
                f"is damaged: {function.name} is called with {len(arguments)} arguments"
            ) from None

    def _persistent(self, _):
        """("storage", its type, its key, the device it was on, its number of elements)."""
        found = self._stack.pop()
        if (
            type(found) is not tuple
            or len(found) not in (5, 6)
            or found[0] != "storage"
            or type(found[1]) is not Known
            or found[1].dtype is None
            or type(found[2]) is not str
            or not is_size(found[4])
        ):
            raise Refused("is damaged: what should be a storage is not one")
        _, kind, key, _, numel = found[:5]
        dtype, itemsize = kind.dtype
        whole = numel * itemsize
        first, nbytes = 0, whole
        if len(found) == 6 and found[5] is not None:  # a part of another: (key, offset, elements)
            part = found[5]
            if type(part) is not tuple or len(part) != 3 or not all(map(is_size, part[1:])):
                raise Refused(f"is damaged: the part of storage '{shown(key)}' is not described")
            first, nbytes = part[1] * itemsize, part[2] * itemsize
            if first + nbytes > whole:
                raise Refused(f"is damaged: a part of storage '{shown(key)}' goes beyond its end")
        self._stack.append(Storage(key, whole, first, nbytes, dtype, itemsize))


# ---------------------------------------------------------------- the instructions


def _lines(file):
    """Two lines: a module and a name in it."""
    lines = file.readline(), file.readline()
    if not all(line.endswith(b"\n") for line in lines):
        raise ValueError("a name has no end")
    return [line[:-1].decode() for line in lines]


_CONSTANTS = {"NONE": None, "NEWTRUE": True, "NEWFALSE": False, "EMPTY_TUPLE": ()}
_ARGUMENTS = {  # they push what follows them
    *("BININT", "BININT1", "BININT2", "LONG1", "LONG4", "BINFLOAT"),
    *("BINUNICODE", "SHORT_BINUNICODE", "BINUNICODE8"),
}
_STEPS = {
    "BINSTRING": lambda self, text: self._text(text),
    "SHORT_BINSTRING": lambda self, text: self._text(text),
    "MARK": Unpickler._mark,
    "EMPTY_LIST": lambda self, _: self._stack.append([]),
    "EMPTY_DICT": lambda self, _: self._stack.append({}),
    "TUPLE": Unpickler._tuple,
    "TUPLE1": lambda self, _: self._stack.append(tuple(self._last(1))),
    "TUPLE2": lambda self, _: self._stack.append(tuple(self._last(2))),
    "TUPLE3": lambda self, _: self._stack.append(tuple(self._last(3))),
    "APPEND": lambda self, _: self._append(self._last(1)),
    "APPENDS": lambda self, _: self._append(self._above_mark()),
    "SETITEM": lambda self, _: self._set_items(self._last(2)),
    "SETITEMS": lambda self, _: self._set_items(self._above_mark()),
    "BUILD": lambda self, _: self._build(_),
    "BINPUT": Unpickler._put,
    "LONG_BINPUT": Unpickler._put,
    "MEMOIZE": Unpickler._memoize,
    "BINGET": Unpickler._get,
    "LONG_BINGET": Unpickler._get,
    "GLOBAL": Unpickler._global,
    "STACK_GLOBAL": Unpickler._stack_global,
    "REDUCE": Unpickler._reduce,
    "BINPERSID": Unpickler._persistent,
}
_REFUSED = {
    "EMPTY_SET": "a set",
    "FROZENSET": "a frozen set",
    "BINBYTES": "a bytes object",
    "SHORT_BINBYTES": "a bytes object",
    "BINBYTES8": "a bytes object",
    "BYTEARRAY8": "a bytearray",
    "NEWOBJ": "an object of a class (NEWOBJ)",
    "NEWOBJ_EX": "an object of a class (NEWOBJ_EX)",
    "OBJ": "an object of a class (OBJ)",
    "INST": "an object of the class",
    "EXT1": "an object of Python's extension registry (EXT1)",
    "EXT2": "an object of Python's extension registry (EXT2)",
    "EXT4": "an object of Python's extension registry (EXT4)",
}


def _carried_out(opcode):
    """The function of a reader and its file that carries out an instruction; None for others."""
    follows = _lines if opcode.name == "GLOBAL" else opcode.arg and opcode.arg.reader
    if opcode.name in _CONSTANTS:
        constant = _CONSTANTS[opcode.name]
        return lambda reader, file: reader._stack.append(constant)
    if opcode.name in _ARGUMENTS:
        return lambda reader, file: reader._stack.append(follows(file))
    if opcode.name in ("PROTO", "FRAME"):
        return lambda reader, file: follows(file)
    step = _STEPS.get(opcode.name)
    if step is None or follows is None:
        return step
    return lambda reader, file: step(reader, follows(file))


_STOP = pickle.STOP
_INSTRUCTIONS = {
    opcode.code.encode("latin-1"): carried_out
    for opcode in pickletools.opcodes
    if (carried_out := _carried_out(opcode)) is not None
}


def _why_refused(code, file):
    opcode = pickletools.code2op.get(code.decode("latin-1"))
    if opcode is None:
        what = f"{code!r} is no instruction" if code else "it ends without STOP"
        return f"is damaged or incomplete: in its pickle, {what}"
    name = opcode.name
    what = _REFUSED.get(name, f"the instruction {name}, which torch.save does not write")
    if name == "INST":
        what += " " + shown(".".join(_lines(file)))
    return f"holds {what}; {WHAT_IS_TAKEN}"
