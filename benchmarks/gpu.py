"""minicnn beside PyTorch on one GPU: the ten training workloads of `benchmarks/speed`.

    python benchmarks/gpu.py          all of it: some minutes
    python benchmarks/gpu.py --dry    to try it where there is no GPU: small batches, on the CPU

Both libraries take turns in one process, on the same GPU, with the same batch: forward, loss,
backward, SGD with momentum; float32, with TF32 off and on. A time is the median of many steps, from
one moment at which the GPU has nothing to do to the next. PyTorch runs eagerly, in the better of
its two memory formats. Writes results/gpu.md and results/gpu.json, with the GPU, the driver and the
commit; where there is no GPU the page says that nothing was measured.
"""

import argparse
import json
import math
import statistics
import sys
import time
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent / "speed"))

import machine
from libraries import Minicnn, PyTorch
from networks import WORKLOADS

import minicnn as mc

RESULTS = Path(__file__).resolve().parent / "results"


class Library:
    """One of the two, on a device. `build` makes the networks of `benchmarks/speed`."""

    def __init__(self, name, network_maker, device, format_):
        self.name, self.maker = name, network_maker
        self.m, self.device, self.format = network_maker.m, device, format_

    def precision(self, tf32):
        self.m.set_float32_matmul_precision("high" if tf32 else "highest")
        if self.m is not mc:
            self.m.backends.cudnn.allow_tf32 = tf32

    def step(self, workload, batch):
        """A function that does one step of training."""
        model = self.maker.build(workload.network, workload.classes).to(self.device).train()
        images, labels = (self.m.tensor(a).to(self.device) for a in batch)
        if self.format is not None:
            model, images = (x.to(memory_format=self.format) for x in (model, images))
        optimizer = self.m.optim.SGD(model.parameters(), lr=0.01, momentum=0.9)
        loss = self.m.nn.CrossEntropyLoss()

        def run():
            optimizer.zero_grad()
            loss(model(images), labels).backward()
            optimizer.step()

        return run

    def wait(self):
        if self.device != "cpu":
            self.m.cuda.synchronize()

    def held(self):
        """Bytes of the GPU's memory that the library holds: what its steps have needed so far."""
        return self.m.cuda.memory_reserved() if self.device != "cpu" else 0

    def forget(self):
        if self.device != "cpu":
            self.m.cuda.empty_cache()


def both(device):
    """minicnn, and PyTorch in its two memory formats."""
    torch = PyTorch(1)
    formats = {"contiguous": None, "channels_last": torch.m.channels_last}
    return [
        Library("minicnn", Minicnn(1), device, None),
        *(Library(f"torch {n}", torch, device, f) for n, f in formats.items()),
    ]


def batch_of(workload, samples):
    rng = np.random.default_rng(0)
    images = rng.standard_normal((samples, *workload.image), dtype=np.float32)
    return images, rng.integers(0, workload.classes, samples)


def milliseconds(library, run, steps):
    library.wait()
    start = time.perf_counter()
    for _ in range(steps):
        run()
    library.wait()
    return 1000 * (time.perf_counter() - start) / steps


def measure(workload, libraries, turns, steps, samples):
    """{library: (median milliseconds, bytes of memory)}; the libraries take turns."""
    runs = {}
    for library in libraries:
        library.forget()
        before = library.held()
        run = library.step(workload, batch_of(workload, samples))
        milliseconds(library, run, 3)  # compiles, chooses algorithms, fills the pools
        runs[library.name] = library, run, library.held() - before
    times = {name: [] for name in runs}
    for _ in range(turns):
        for name, (library, run, _) in runs.items():
            times[name].append(milliseconds(library, run, steps))
    return {name: (statistics.median(times[name]), runs[name][2]) for name in runs}


def table(figures):
    """The rows of one precision, and the geometric mean of the ratios."""
    names = list(next(iter(figures.values())))
    lines = [f"| workload | {', ms | '.join(names)}, ms | ratio | memory |", "|---" * 6 + "|"]
    ratios = []
    for workload, found in figures.items():
        (own, own_bytes), *others = found.values()
        best, their_bytes = min(others)
        ratios.append(best / own)
        share = f"{own_bytes / their_bytes:.2f}" if their_bytes else "–"
        cells = " | ".join(f"{ms:.3g}" for ms, _ in found.values())
        lines.append(f"| {workload} | {cells} | {ratios[-1]:.2f} | {share} |")
    mean = math.exp(statistics.fmean(map(math.log, ratios)))
    return [*lines, "", f"Geometric mean {mean:.2f}; least {min(ratios):.2f}."]


def page(measured, about):
    lines = ["# Training on a GPU, minicnn beside PyTorch", ""]
    if measured is None:
        return "\n".join([*lines, "**Not measured**: there was no GPU.", "", about, ""])
    lines += [
        "Milliseconds a step, medians. Ratio: PyTorch's time, in its better memory format, over "
        "minicnn's: above 1 where minicnn is quicker. Memory: minicnn's over PyTorch's.",
        "",
    ]
    for precision, figures in measured.items():
        lines += [f"## {precision}", "", *table(figures), ""]
    return "\n".join([*lines, about, ""])


def about_the_gpu():
    import cupy

    runtime = cupy.cuda.runtime
    return {
        "gpu": mc.cuda.get_device_name(),
        "driver knows CUDA": runtime.driverGetVersion(),
        "CUDA": runtime.runtimeGetVersion(),
        "cupy": cupy.__version__,
        **machine.description("torch", "torchvision"),
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--dry", action="store_true", help="two small networks, on the CPU")
    parser.add_argument("--out", type=Path, default=RESULTS)
    parser.add_argument("workloads", nargs="*", default=list(WORKLOADS), help="default: all")
    options = parser.parse_args()
    wrong = [name for name in options.workloads if name not in WORKLOADS]
    if wrong:
        parser.error(f"there is no workload {wrong[0]!r}; there are {', '.join(WORKLOADS)}")
    if not options.dry and not mc.cuda.is_available():
        print("there is no GPU: nothing is measured")
        about = f"commit {machine.commit()}"
        (options.out / "gpu.md").write_text(page(None, about), encoding="utf-8")
        (options.out / "gpu.json").write_text(json.dumps({"measured": None, "machine": about}))
        return
    device, turns, steps = ("cpu", 1, 1) if options.dry else ("cuda", 15, 10)
    libraries = both(device)
    measured = {}
    for precision, tf32 in (("float32", False), ("float32, products in TF32", True)):
        for library in libraries:
            library.precision(tf32)
        measured[precision] = {}
        for name in ["LeNet b64"] if options.dry else options.workloads:
            workload = WORKLOADS[name]
            samples = 2 if options.dry else workload.batch
            measured[precision][name] = measure(workload, libraries, turns, steps, samples)
            print(precision, name, measured[precision][name], flush=True)
    about = {"dry": "figures that say nothing"} if options.dry else about_the_gpu()
    text = page(measured, machine.line(about))
    if options.dry:
        print(text)
        return
    (options.out / "gpu.md").write_text(text, encoding="utf-8")
    (options.out / "gpu.json").write_text(
        json.dumps({"measured": measured, "machine": about}, indent=1) + "\n"
    )


if __name__ == "__main__":
    main()
