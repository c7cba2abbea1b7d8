"""minicnn beside PyTorch on one GPU: the ten training workloads of `benchmarks/speed`.

    python benchmarks/gpu.py          all of it: some minutes
    python benchmarks/gpu.py --dry    to try it where there is no GPU: a small batch, on the CPU

The libraries take turns in one process, on the same GPU, with the same batch: forward, loss,
backward, SGD with momentum; float32, with TF32 off and on. A time is the median of many steps, from
one moment at which the GPU has nothing to do to the next. PyTorch runs eagerly, in the better of
its two memory formats; minicnn eagerly, and as a CUDA graph, which is shown but not compared.
Gradients of minicnn on the GPU are compared with its own on the CPU, with the same weights.

Writes results/gpu.md and results/gpu.json after each workload, with the GPU, the driver and the
commit; where there is no GPU the page says that nothing was measured. A workload that fails, or a
library that is missing, is named in the table, and the others go on.
"""

import argparse
import gc
import json
import math
import statistics
import subprocess
import sys
import time
from importlib.metadata import PackageNotFoundError
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent / "speed"))

import machine
from libraries import Minicnn, PyTorch
from networks import WORKLOADS

import minicnn as mc

RESULTS = Path(__file__).resolve().parent / "results"
PRECISIONS = {"float32": False, "float32, products in TF32": True}


class Library:
    """One of them, on a device. `build` makes the networks of `benchmarks/speed`."""

    def __init__(self, name, network_maker, device, format_=None, captured=False):
        self.name, self.maker, self.captured = name, network_maker, captured
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
        optimizer = self.m.optim.SGD(model.parameters(), lr=0.001, momentum=0.9)
        loss = self.m.nn.CrossEntropyLoss()

        def run():
            optimizer.zero_grad()
            loss(model(images), labels).backward()
            optimizer.step()

        if not self.captured:
            return run
        graph = self.m.cuda.CUDAGraph()
        for _ in range(3):
            run()
        with self.m.cuda.graph(graph):
            run()

        def replay(holding=run):  # all that the graph reads and writes
            graph.replay()

        return replay

    def wait(self):
        if self.device != "cpu":
            self.m.cuda.synchronize()

    def held(self):
        """Bytes of the GPU's memory that the library holds: what its steps have needed so far."""
        return self.m.cuda.memory_reserved() if self.device != "cpu" else 0

    def forget(self):
        gc.collect()
        if self.device != "cpu":
            self.m.cuda.empty_cache()


def all_libraries(device):
    """minicnn, minicnn in a CUDA graph, PyTorch in two memory formats; and what is missing."""
    own = Minicnn(1)
    libraries, missing = [Library("minicnn", own, device)], []
    if device != "cpu":
        libraries.append(Library("minicnn, graph", own, device, captured=True))
    try:
        torch = PyTorch(1)
        if device != "cpu" and not torch.m.cuda.is_available():
            raise ImportError("this PyTorch is one without CUDA, or for another driver")
    except ImportError as error:
        missing.append(f"PyTorch ({error})")
    else:
        formats = {"contiguous": None, "channels_last": torch.m.channels_last}
        libraries += [Library(f"torch {n}", torch, device, f) for n, f in formats.items()]
    return libraries, missing


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
    """{library: {"ms", "bytes"} or {"failed"}}; the libraries take turns."""
    runs, found = {}, {}
    for library in libraries:
        library.forget()
        before = library.held()
        try:
            run = library.step(workload, batch_of(workload, samples))
            milliseconds(library, run, 3)  # compiles, chooses algorithms, fills the pools
        except Exception as error:
            found[library.name] = {"failed": f"{type(error).__name__}: {error}"[:300]}
            continue
        # The memory of a graph is not of the pool that is asked.
        memory = None if library.captured else library.held() - before
        runs[library.name] = library, run, memory
        found[library.name] = {}
    times = {name: [] for name in runs}
    for _ in range(turns):
        for name, (library, run, _) in runs.items():
            times[name].append(milliseconds(library, run, steps))
    for name, (_, _, memory) in runs.items():
        found[name] = {"ms": statistics.median(times[name]), "bytes": memory}
    return found


def gradient_difference(workload, device, samples):
    """The largest ‖g − g_CPU‖ / ‖g_CPU‖ of a parameter's gradients; nothing is dropped."""
    found, state = [], None
    batch = batch_of(workload, samples)
    for place in ("cpu", device):
        model = Minicnn(1).build(workload.network, workload.classes)
        state = model.state_dict() if state is None else state
        model.load_state_dict(state)
        for module in model.modules():
            if isinstance(module, (mc.nn.Dropout, mc.nn.Dropout2d, mc.nn.StochasticDepth)):
                module.p = 0.0
        model = model.to(place).train()
        images, labels = (mc.tensor(a).to(place) for a in batch)
        mc.nn.functional.cross_entropy(model(images), labels).backward()
        found.append([p.grad.cpu().numpy().astype(np.float64) for p in model.parameters()])
    # What is 0 but for rounding (a bias before batch normalisation) is as large as rounding.
    least = 1e-6 * max(np.linalg.norm(a) for a in found[0])
    return max(
        float(np.linalg.norm(a - b) / max(np.linalg.norm(a), least / 1e-4))
        for a, b in zip(*found, strict=True)
    )


def mean_of(ratios):
    return math.exp(statistics.fmean(map(math.log, ratios)))


def best_of_torch(found):
    """The quicker of PyTorch's formats, or None."""
    there = [f for n, f in found.items() if n.startswith("torch") and "ms" in f]
    return min(there, key=lambda f: f["ms"], default=None)


def table(figures):
    """The rows of one precision, and the geometric mean of the ratios."""
    names = list(next(iter(figures.values()))["libraries"])
    lines = [
        f"| workload | {', ms | '.join(names)}, ms | ratio | memory | gradients |",
        "|---" * (len(names) + 4) + "|",
    ]
    ratios, failures = [], []
    for workload, measured in figures.items():
        found = measured["libraries"]
        own, best = found["minicnn"], best_of_torch(found)
        cells = [f"{f['ms']:.3g}" if "ms" in f else "failed" for f in found.values()]
        failures += [f"- {workload}, {n}: {f['failed']}" for n, f in found.items() if "failed" in f]
        ratio = memory = "–"
        if best is not None and "ms" in own:
            ratios.append(best["ms"] / own["ms"])
            ratio = f"{ratios[-1]:.2f}"
            memory = f"{own['bytes'] / best['bytes']:.2f}" if best["bytes"] else "–"
        near = measured.get("gradients")
        near = "–" if near is None else near if isinstance(near, str) else f"{near:.0e}"
        lines.append(f"| {workload} | {' | '.join(cells)} | {ratio} | {memory} | {near} |")
    if ratios:
        lines += ["", f"Geometric mean {mean_of(ratios):.2f}; least {min(ratios):.2f}."]
    return [*lines, *(["", "What failed:", "", *failures] if failures else [])]


def page(measured, about, missing=()):
    lines = ["# Training on a GPU, minicnn beside PyTorch", ""]
    if measured is None:
        return "\n".join([*lines, "**Not measured**: there was no GPU.", "", about, ""])
    lines += [
        "Milliseconds a step, medians. Ratio: PyTorch's time, in its better memory format, over "
        "that of minicnn without a graph: above 1 where minicnn is quicker. Memory: minicnn's over "
        "PyTorch's. Gradients: the largest difference of a parameter's gradient from the CPU's, "
        "relative, in the 2-norm.",
        "",
        *(f"**Missing**: {what}." for what in missing),
        "",
    ]
    for precision, figures in measured.items():
        lines += [f"## {precision}", "", *table(figures), ""]
    return "\n".join([*lines, about, ""])


def driver():
    """The driver's own version, which CUDA does not tell."""
    command = ["nvidia-smi", "--query-gpu=driver_version", "--format=csv,noheader"]
    try:
        return subprocess.run(command, capture_output=True, text=True).stdout.split("\n")[0]
    except OSError:
        return "unknown"


def about_the_gpu(commit):
    import cupy

    runtime = cupy.cuda.runtime
    packages = {}
    for name in ("torch", "torchvision"):
        try:
            packages[name] = machine.version(name)
        except PackageNotFoundError:
            packages[name] = "missing"
    return {
        "gpu": mc.cuda.get_device_name(),
        "driver": driver(),
        "driver knows CUDA": runtime.driverGetVersion(),
        "CUDA": runtime.runtimeGetVersion(),
        "cupy": cupy.__version__,
        **packages,
        **machine.description(),
        **({"commit": commit} if commit else {}),
    }


def write(folder, measured, about, missing=()):
    folder.mkdir(parents=True, exist_ok=True)
    line = machine.line(about)
    (folder / "gpu.md").write_text(page(measured, line, missing), encoding="utf-8")
    content = {"measured": measured, "machine": about, "missing": list(missing)}
    (folder / "gpu.json").write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--dry", action="store_true", help="one small network, on the CPU")
    parser.add_argument("--out", type=Path, default=RESULTS)
    parser.add_argument("--commit", help="what is measured, where git cannot tell")
    parser.add_argument("--turns", type=int, default=15, help="of 10 steps, for each library")
    parser.add_argument("workloads", nargs="*", default=list(WORKLOADS), help="default: all")
    options = parser.parse_args()
    wrong = [name for name in options.workloads if name not in WORKLOADS]
    if wrong:
        parser.error(f"there is no workload {wrong[0]!r}; there are {', '.join(WORKLOADS)}")
    if not options.dry and not mc.cuda.is_available():
        print("there is no GPU: nothing is measured")
        write(options.out, None, {"commit": options.commit or machine.commit()})
        return
    device, turns, steps = ("cpu", 1, 1) if options.dry else ("cuda", options.turns, 10)
    libraries, missing = all_libraries(device)
    about = {"dry": "figures that say nothing"} if options.dry else about_the_gpu(options.commit)
    measured = {precision: {} for precision in PRECISIONS}
    for name in ["LeNet b64"] if options.dry else options.workloads:
        workload = WORKLOADS[name]
        samples = 2 if options.dry else workload.batch
        for precision, tf32 in PRECISIONS.items():
            for library in libraries:
                library.precision(tf32)
            row = {"libraries": measure(workload, libraries, turns, steps, samples)}
            try:
                row["gradients"] = None if tf32 else gradient_difference(workload, device, samples)
            except Exception as error:
                row["gradients"] = f"failed: {type(error).__name__}: {error}"[:300]
            measured[precision][name] = row
            print(precision, name, row, flush=True)
        if not options.dry:
            write(options.out, {p: f for p, f in measured.items() if f}, about, missing)
    if options.dry:
        print(page(measured, machine.line(about), missing))


if __name__ == "__main__":
    main()
