"""What a bad call may lead to: PyTorch's result, or an error that is documented and named."""

import re
import traceback

from fuzz_layers import OF_FUNCTIONS
from refusal_exceptions import LEFT_OUT
from test_refusals import OPERATORS

from minicnn import checks

DOCUMENTED = tuple(
    c for c in vars(checks).values() if isinstance(c, type) and issubclass(c, Exception)
)
# What Python itself says when arguments do not fit a signature. It names the function.
SIGNATURE = re.compile(
    r"\w[\w.<>]*\(\) (got (an unexpected|some positional|multiple values)|missing \d|takes )"
    r"|\w+\(\) argument|\w+\(\) takes|.* got an unexpected keyword"
)


def shown(error):
    """An error in one line."""
    return f"{type(error).__name__}: {' '.join(str(error).split())[:300]}"


def deepest(error):
    """(file, function) where it was raised."""
    frame = traceback.extract_tb(error.__traceback__)[-1]
    return frame.filename, frame.name


def in_the_tests(error):
    """Whether the call never reached minicnn: what spoiled it broke the test itself."""
    frames = traceback.extract_tb(error.__traceback__)
    if frames[-1].name == "__getattr__":  # the test asks an object for something
        frames.pop()
        return "/tests/" in frames[-1].filename
    return not any("/minicnn/" in f.filename and "/tests/" not in f.filename for f in frames)


def documented(error, name=""):
    """ "" or why it is not an error that a user was promised."""
    if isinstance(error, DOCUMENTED) or type(error).__module__.startswith("minicnn."):
        return ""
    if isinstance(error, OSError):  # of files; Python's name the file
        return ""
    if name.startswith("textbook.") and type(error) is ValueError:  # it shares nothing, no errors
        return ""
    if type(error) is TypeError and SIGNATURE.match(str(error)):
        return ""
    return f"{type(error).__name__} is no documented error"


def plain(name):
    return re.sub(r"\W|_", "", name).lower()


# What else may stand at the beginning of a text: the function behind a module.
BEHIND = {
    "ZeroPad2d": "pad",
    "CrossEntropyLoss": "cross_entropy",
    "BatchNorm1d": "batch_norm",
    "BatchNorm2d": "batch_norm",
    "InstanceNorm2d": "instance_norm",
}


def named(error, name):
    """Whether the text begins with the operation's name: that of a function, method or module."""
    text = str(error)
    if text.startswith("from_numpy: the array"):  # it was no tensor to begin with
        return True
    if any(re.fullmatch(p, name) for p in LEFT_OUT):  # several operations, one after the other
        return re.match(r"[\w.]+: ", text) is not None
    short = name.split(" (")[0].rpartition(".")[2]
    if name.startswith("operator"):
        symbol = name.split(" ")[1]
        short = OPERATORS.get(symbol) or OPERATORS[symbol.removesuffix("=")]
        if name == "operator []=" and text.startswith(("index", "x[index] = value")):
            return True
    first = re.match(r"(?:Tensor\.)?([\w.]+)(?:\(|:| )", text)
    if not first:
        return False
    begins = first[1].removesuffix(".__init__")
    if name.startswith("nn.") and begins.endswith(".forward"):
        return True  # Python names the class, or the one it comes from
    begins = plain(begins.rpartition(".")[2])
    # Python asks the right operand when the left one cannot: a < b is b > a.
    known = {plain(short), {"lt": "gt", "gt": "lt", "le": "ge", "ge": "le"}.get(short, "")}
    if name.startswith("nn.") and name.count(".") == 1:
        known.add("pad" if "Conv" in short else "")  # with a padding_mode
        known.add(plain(BEHIND.get(short) or OF_FUNCTIONS.get(short, short)))
    return begins in known
