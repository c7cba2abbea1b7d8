"""Write the README's table of operations: equation, textbook, fast path and test of each.

    python docs/make_operations_table.py            rewrite the table in README.md
    python docs/make_operations_table.py --check    only say whether it is up to date

Nothing in the table is typed in. Each function is called on a small example with a recorder
watching, which sees the operations that run; their classes name their equations and, in their
source, their kernels. The textbook's functions are found by name, the tests by what they call.
"""

import inspect
import re
import sys
from pathlib import Path

import minicnn as mc
import minicnn.nn.functional as F
from minicnn import textbook
from minicnn.autograd import record
from minicnn.kernels import find, variants

ROOT = Path(__file__).resolve().parent.parent
START, END = "<!-- operations: generated -->", "<!-- end of operations -->"

IMAGES, LINE, ROWS, LABELS = (2, 4, 6, 6), (2, 4, 6), (3, 4), [0, 3, 1]

# For unpooling: where the maxima of 2×2 windows lie.
PLACES = F.max_pool2d(mc.rand(IMAGES), 2, return_indices=True)[1]

# Where the textbook has it under another name.
BOOK = {
    "interpolate (nearest)": "interpolate_nearest",
    "interpolate (bilinear)": "interpolate_bilinear",
    "dropout2d": "dropout",
    "stochastic_depth": "dropout",
}

# What to call: the shapes of the tensors, and the rest of the call.
EXAMPLES = {
    "conv1d": ([LINE, (6, 4, 3)], F.conv1d),
    "conv2d": ([IMAGES, (6, 4, 3, 3)], F.conv2d),
    "conv_transpose1d": ([LINE, (4, 6, 3)], F.conv_transpose1d),
    "conv_transpose2d": ([IMAGES, (4, 6, 3, 3)], F.conv_transpose2d),
    "linear": ([ROWS, (5, 4), (5,)], F.linear),
    "unfold": ([IMAGES], lambda x: F.unfold(x, 2)),
    "fold": ([(2, 16, 9)], lambda x: F.fold(x, (4, 4), 2)),
    "pad": ([IMAGES], lambda x: F.pad(x, (1, 1))),
    "max_pool1d": ([LINE], lambda x: F.max_pool1d(x, 2)),
    "max_pool2d": ([IMAGES], lambda x: F.max_pool2d(x, 2)),
    "avg_pool1d": ([LINE], lambda x: F.avg_pool1d(x, 2)),
    "avg_pool2d": ([IMAGES], lambda x: F.avg_pool2d(x, 2)),
    "adaptive_avg_pool2d": ([IMAGES], lambda x: F.adaptive_avg_pool2d(x, 4)),
    "adaptive_max_pool2d": ([IMAGES], lambda x: F.adaptive_max_pool2d(x, 4)),
    "lp_pool2d": ([IMAGES], lambda x: F.lp_pool2d(x, 2.0, 2)),
    "max_unpool2d": ([(2, 4, 3, 3)], lambda x: F.max_unpool2d(x, PLACES, 2)),
    "interpolate (nearest)": ([IMAGES], lambda x: F.interpolate(x, scale_factor=2)),
    "interpolate (bilinear)": ([IMAGES], lambda x: F.interpolate(x, (9, 9), mode="bilinear")),
    "pixel_shuffle": ([IMAGES], lambda x: F.pixel_shuffle(x, 2)),
    "channel_shuffle": ([IMAGES], lambda x: F.channel_shuffle(x, 2)),
    "batch_norm": ([IMAGES, (4,), (4,)], lambda x, w, b: F.batch_norm(x, None, None, w, b, True)),
    "layer_norm": ([ROWS], lambda x: F.layer_norm(x, (4,))),
    "group_norm": ([IMAGES], lambda x: F.group_norm(x, 2)),
    "instance_norm": ([IMAGES], F.instance_norm),
    "local_response_norm": ([IMAGES], lambda x: F.local_response_norm(x, 3)),
    "dropout": ([ROWS], F.dropout),
    "dropout2d": ([IMAGES], F.dropout2d),
    "stochastic_depth": ([ROWS], lambda x: F.stochastic_depth(x, 0.5, "row")),
    **{name: ([ROWS], getattr(F, name)) for name in ("relu", "relu6", "leaky_relu", "elu")},
    **{name: ([ROWS], getattr(F, name)) for name in ("gelu", "silu", "sigmoid", "tanh")},
    **{name: ([ROWS], getattr(F, name)) for name in ("hardsigmoid", "hardswish", "softplus")},
    "softmax": ([ROWS], lambda x: F.softmax(x, 1)),
    "log_softmax": ([ROWS], lambda x: F.log_softmax(x, 1)),
    "cross_entropy": ([ROWS], lambda x: F.cross_entropy(x, mc.tensor(LABELS))),
    "nll_loss": ([ROWS], lambda x: F.nll_loss(x, mc.tensor(LABELS))),
    "mse_loss": ([ROWS, ROWS], F.mse_loss),
    "l1_loss": ([ROWS, ROWS], F.l1_loss),
    "smooth_l1_loss": ([ROWS, ROWS], F.smooth_l1_loss),
    "binary_cross_entropy_with_logits": (
        [ROWS],
        lambda x: F.binary_cross_entropy_with_logits(x, mc.ones(ROWS)),
    ),
    "kl_div": ([ROWS], lambda x: F.kl_div(x, mc.ones(ROWS), reduction="batchmean")),
    **{name: ([ROWS, (4,)], getattr(mc, name)) for name in ("add", "sub", "mul", "div")},
    **{name: ([ROWS], getattr(mc, name)) for name in ("exp", "sin", "cos", "abs", "square")},
    "pow": ([ROWS], lambda x: x**2),
    "matmul": ([ROWS, (4, 5)], mc.matmul),
    "einsum": ([ROWS, (4, 5)], lambda x, y: mc.einsum("ij,jk->ik", x, y)),
    **{name: ([ROWS], getattr(mc, name)) for name in ("sum", "mean", "var", "amax", "prod")},
    "cumsum": ([ROWS], lambda x: mc.cumsum(x, 1)),
    "logsumexp": ([ROWS], lambda x: mc.logsumexp(x, 1)),
    "max": ([ROWS], lambda x: mc.max(x, 1)),
    "sort": ([ROWS], mc.sort),
    "topk": ([ROWS], lambda x: mc.topk(x, 2)),
    "cat": ([ROWS, ROWS], lambda x, y: mc.cat([x, y])),
    "getitem": ([ROWS], lambda x: x[[0, 2]]),
    "expand": ([(3, 1)], lambda x: x.expand(3, 4)),
}


class Watch:
    """Notes the operations that run, in their order, each once."""

    def __init__(self):
        self.operations = []

    def forward(self, node, operation, inputs, outputs):
        if type(operation) not in self.operations:
            self.operations.append(type(operation))


def note_kernels(thing, found):
    """Add to `found` the kernels that the source of `thing` asks for, and those that they do."""
    for name in re.findall(r'find\(\s*"(\w+)"', inspect.getsource(thing)):
        if name not in found:
            found.append(name)
            if "cpu" not in variants(name):
                note_kernels(find(name), found)


def row(name, texts):
    shapes, function = EXAMPLES[name]
    watch = Watch()
    with record(watch):
        function(*[mc.rand(s, requires_grad=True) for s in shapes])
    equations, kernels = [], []
    for operation in watch.operations:
        equations += [e for e in operation.equations if e not in equations]
        note_kernels(operation, kernels)
    pattern = re.compile(rf"{BOOK.get(name, name)}(_(input|weight|bias))?(_gradients?)?")
    book = [n for n in dir(textbook) if pattern.fullmatch(n)]
    fast = [k for k in kernels if "cpu" in variants(k)]
    word = re.escape({"getitem": "operator []"}.get(name, name.split(" ")[0]))
    called = re.compile(rf"\b(F|mc|functional)\.{word}\b|[\"']{word}[\"' ,]")
    tests = [path for path, text in texts.items() if called.search(text)]
    tests.sort(key=lambda path: "parity" not in path.as_posix())  # those beside PyTorch first
    return [
        f"`{name}`",
        " ".join(f"`{operation.__name__}`" for operation in watch.operations),
        " ".join(equations),
        " ".join(f"`{n}`" for n in book) or "–",
        " ".join(f"`{k}`" + ("" if k in fast else " (plain)") for k in kernels) or "NumPy",
        " ".join(f"[{p.stem.removeprefix('test_')}]({p.relative_to(ROOT)})" for p in tests[:2]),
    ]


def table():
    mc.manual_seed(0)
    texts = {}
    for path in sorted((ROOT / "tests").rglob("*.py")):
        test = path.stem.startswith("test_") and path.parent.name in ("functions", "nn", "ops")
        # The random cases that are compared with PyTorch's.
        case = path.stem.startswith("cases_") and path.parent.name == "parity"
        if case or (test and "errors" not in path.stem):
            texts[path] = path.read_text(encoding="utf-8")
    heads = ["function", "operations", "equations", "textbook", "kernels", "tested in"]
    rows = [heads, ["---"] * len(heads), *[row(name, texts) for name in EXAMPLES]]
    return "\n".join("| " + " | ".join(cells) + " |" for cells in rows)


def main():
    path = ROOT / "README.md"
    text = path.read_text(encoding="utf-8")
    before, rest = text.split(START)
    after = rest.split(END)[1]
    new = f"{before}{START}\n\n{table()}\n\n{END}{after}"
    if "--check" in sys.argv[1:]:
        if new != text:
            sys.exit("README.md: the table is out of date; run docs/make_operations_table.py")
        return
    path.write_text(new, encoding="utf-8")


if __name__ == "__main__":
    main()
