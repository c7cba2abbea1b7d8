"""The time of single operations, forward and backward, beside PyTorch's.

    python benchmarks/operators.py

Two worker processes, one a library, take turns: while one computes, the other waits for its pipe,
so neither disturbs the other and both see the same hour of the machine. Each round times one call
of every case; the table shows medians. It is there to see that nothing is absurdly slow.
"""

import argparse
import json
import statistics
import subprocess
import sys
import time

import machine

# name: (shapes of the inputs, function of (module, its functional, tensors))
CASES = {
    "conv2d 3×3, 64→64, 56²": (
        [(8, 64, 56, 56), (64, 64, 3, 3)],
        lambda m, F, x, w: F.conv2d(x, w, padding=1),
    ),
    "conv2d 1×1, 256→64, 56²": (
        [(8, 256, 56, 56), (64, 256, 1, 1)],
        lambda m, F, x, w: F.conv2d(x, w),
    ),
    "conv2d 5×5, 1→6, 28² (LeNet)": (
        [(64, 1, 28, 28), (6, 1, 5, 5)],
        lambda m, F, x, w: F.conv2d(x, w, padding=2),
    ),
    "conv2d 5×5, 6→16, 14² (LeNet)": (
        [(64, 6, 14, 14), (16, 6, 5, 5)],
        lambda m, F, x, w: F.conv2d(x, w),
    ),
    "conv2d 3×3 stride 2, 128→128, 28²": (
        [(8, 128, 28, 28), (128, 128, 3, 3)],
        lambda m, F, x, w: F.conv2d(x, w, stride=2, padding=1),
    ),
    "conv2d 3×3 depthwise, 128, 56²": (
        [(8, 128, 56, 56), (128, 1, 3, 3)],
        lambda m, F, x, w: F.conv2d(x, w, padding=1, groups=128),
    ),
    "conv2d 3×3 groups 32, 128→128, 28²": (
        [(8, 128, 28, 28), (128, 4, 3, 3)],
        lambda m, F, x, w: F.conv2d(x, w, padding=1, groups=32),
    ),
    "conv2d 3×3 dilation 2, 64→64, 28²": (
        [(8, 64, 28, 28), (64, 64, 3, 3)],
        lambda m, F, x, w: F.conv2d(x, w, padding=2, dilation=2),
    ),
    "conv_transpose2d 4×4 stride 2, 64→32, 28²": (
        [(8, 64, 28, 28), (64, 32, 4, 4)],
        lambda m, F, x, w: F.conv_transpose2d(x, w, stride=2, padding=1),
    ),
    "max_pool2d 3 stride 2, 64, 112²": (
        [(8, 64, 112, 112)],
        lambda m, F, x: F.max_pool2d(x, 3, 2, 1),
    ),
    "avg_pool2d 2, 64, 56²": ([(8, 64, 56, 56)], lambda m, F, x: F.avg_pool2d(x, 2)),
    "adaptive_avg_pool2d 1, 512, 7²": (
        [(8, 512, 7, 7)],
        lambda m, F, x: F.adaptive_avg_pool2d(x, 1),
    ),
    "batch_norm, 64, 56²": (
        [(8, 64, 56, 56), (64,), (64,)],
        lambda m, F, x, w, b: F.batch_norm(x, None, None, w, b, True),
    ),
    "layer_norm, 512": (
        [(64, 49, 512), (512,), (512,)],
        lambda m, F, x, w, b: F.layer_norm(x, (512,), w, b),
    ),
    "group_norm 8, 64, 56²": (
        [(8, 64, 56, 56), (64,), (64,)],
        lambda m, F, x, w, b: F.group_norm(x, 8, w, b),
    ),
    "local_response_norm 5, 96, 55²": (
        [(4, 96, 55, 55)],
        lambda m, F, x: F.local_response_norm(x, 5),
    ),
    "linear 4096→4096": (
        [(16, 4096), (4096, 4096), (4096,)],
        lambda m, F, x, w, b: F.linear(x, w, b),
    ),
    "relu, 64, 56²": ([(8, 64, 56, 56)], lambda m, F, x: F.relu(x)),
    "sigmoid, 64, 56²": ([(8, 64, 56, 56)], lambda m, F, x: m.sigmoid(x)),
    "gelu, 64, 56²": ([(8, 64, 56, 56)], lambda m, F, x: F.gelu(x)),
    "hardswish, 64, 56²": ([(8, 64, 56, 56)], lambda m, F, x: F.hardswish(x)),
    "softmax, 1000": ([(256, 1000)], lambda m, F, x: F.softmax(x, 1)),
    "cross_entropy, 1000": (
        [(256, 1000)],
        lambda m, F, x: F.cross_entropy(x, m.arange(256)),
    ),
    "add, broadcast": ([(8, 64, 56, 56), (64, 1, 1)], lambda m, F, x, y: x + y),
    "mul, one element": ([(1,), (1,)], lambda m, F, x, y: x * y),
    "matmul 512²": ([(512, 512), (512, 512)], lambda m, F, x, y: x @ y),
    "sum over a dimension": ([(8, 64, 56, 56)], lambda m, F, x: x.sum(1)),
    "index with an array": ([(1000, 512)], lambda m, F, x: x[m.arange(0, 1000, 3)]),
    "unfold 3×3, 32, 28²": ([(8, 32, 28, 28)], lambda m, F, x: F.unfold(x, 3, padding=1)),
    "interpolate bilinear ×2, 32, 28²": (
        [(8, 32, 28, 28)],
        lambda m, F, x: F.interpolate(x, scale_factor=2, mode="bilinear"),
    ),
}


def serve(library):
    """Answer each name that comes in with the seconds of one forward and one backward."""
    import numpy as np

    if library == "minicnn":
        import minicnn as module
        import minicnn.nn.functional as functional
    else:
        import torch as module
        import torch.nn.functional as functional
    prepared = {}
    for line in sys.stdin:
        name = line.strip()
        shapes, function = CASES[name]
        if name not in prepared:
            rng = np.random.default_rng(0)
            arrays = [rng.standard_normal(s).astype("float32") for s in shapes]
            tensors = [module.tensor(a) for a in arrays]
            for t in tensors:
                t.requires_grad_()
            out = function(module, functional, *tensors)
            delta = module.tensor(rng.standard_normal(tuple(out.shape)).astype("float32"))
            prepared[name] = tensors, delta
        tensors, delta = prepared[name]
        for t in tensors:
            t.grad = None
        start = time.perf_counter()
        out = function(module, functional, *tensors)
        middle = time.perf_counter()
        out.backward(delta)
        end = time.perf_counter()
        print(json.dumps([middle - start, end - middle]), flush=True)


class Worker:
    def __init__(self, library):
        command = [sys.executable, __file__, "--worker", library]
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def time(self, name):
        self.process.stdin.write(name + "\n")
        self.process.stdin.flush()
        return json.loads(self.process.stdout.readline())


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--worker", choices=("minicnn", "torch"), help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.worker:
        serve(arguments.worker)
        return
    workers = {library: Worker(library) for library in ("minicnn", "torch")}
    seconds = {name: {library: [] for library in workers} for name in CASES}
    for round_ in range(arguments.rounds + 2):
        for name in CASES:
            for library, worker in workers.items():
                measured = worker.time(name)
                if round_ > 1:  # the first two compile and fill caches
                    seconds[name][library].append(measured)
    rows = [
        "| operation | forward ms | PyTorch | ratio | backward ms | PyTorch | ratio |",
        "|---|---|---|---|---|---|---|",
    ]
    result = {}
    for name, by_library in seconds.items():
        median = {
            library: [statistics.median(part) * 1e3 for part in zip(*values, strict=True)]
            for library, values in by_library.items()
        }
        result[name] = median
        cells = []
        for mine, theirs in zip(median["minicnn"], median["torch"], strict=True):
            cells += [f"{mine:.3g}", f"{theirs:.3g}", f"{theirs / mine:.2f}"]
        rows.append(f"| {name} | " + " | ".join(cells) + " |")
    here = machine.description("torch")
    folder = machine.ROOT / "benchmarks" / "results"
    folder.mkdir(exist_ok=True)
    text = "\n".join(rows)
    (folder / "operators.md").write_text(
        "# Single operations beside PyTorch\n\nMedians of "
        f"{arguments.rounds} calls, float32; ratio = PyTorch's time / minicnn's.\n\n{text}\n\n"
        f"`python benchmarks/operators.py`\n\n{machine.line(here)}\n",
        encoding="utf-8",
    )
    (folder / "operators.json").write_text(
        json.dumps({"machine": here, "milliseconds": result}, indent=1) + "\n", encoding="utf-8"
    )
    print(text)


if __name__ == "__main__":
    main()
