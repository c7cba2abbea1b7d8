"""How much memory one training step of 1202 layers takes, and how long.

    python benchmarks/resnet1202_memory.py

A process of its own builds `resnet1202`, computes the loss of a batch of 2 images of 32 × 32 in
float32, goes back through it and lets SGD with momentum change the weights. The peak is that of the
whole process, interpreter and libraries included, as the operating system counts it. A process that
only imports minicnn is measured beside it.
"""

import json
import subprocess
import sys

import machine

PROGRAM = """
import json, re, resource, sys, time
import minicnn as mc
from minicnn import models, nn, optim

def peak():
    if sys.platform == "linux":
        # Not ru_maxrss, which begins with that of the process that started this one.
        with open("/proc/self/status") as status:
            return int(re.search(r"VmHWM:\\s+(\\d+) kB", status.read())[1]) / 2**10
    count = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss  # KiB, on macOS bytes
    return count / 2**20 if sys.platform == "darwin" else count / 2**10

found = {"import": peak()}
mc.manual_seed(0)
start = time.perf_counter()
model = models.resnet1202(shortcut=SHORTCUT)
found["seconds to build"] = time.perf_counter() - start
found["built"] = peak()
optimizer = optim.SGD(model.parameters(), lr=0.1, momentum=0.9, weight_decay=1e-4)
images, labels = mc.randn(2, 3, 32, 32), mc.tensor([3, 7])
start = time.perf_counter()
loss = nn.CrossEntropyLoss()(model(images), labels)
found["forward"] = peak()
loss.backward()
found["backward"] = peak()
optimizer.step()
found["seconds of the step"] = time.perf_counter() - start
found["step"] = peak()
assert all(p.grad is not None for p in model.parameters())
print(json.dumps(found))
"""
LIMIT = 4096  # MiB


def measure(shortcut):
    """The figures of a fresh process: peaks in MiB, and seconds."""
    code = PROGRAM.replace("SHORTCUT", repr(shortcut))
    result = subprocess.run([sys.executable, "-c", code], check=True, stdout=subprocess.PIPE)
    return json.loads(result.stdout)


def main():
    here = machine.description()
    found = {shortcut: measure(shortcut) for shortcut in ("A", "B")}
    names = ["import", "built", "forward", "backward", "step"]
    rows = ["| option | " + " | ".join(f"{n}, MiB" for n in names) + " | build, s | step, s |"]
    rows.append("|---" * (len(names) + 3) + "|")
    for shortcut, values in found.items():
        cells = [f"{values[n]:,.0f}" for n in names]
        cells += [f"{values[n]:.1f}" for n in ("seconds to build", "seconds of the step")]
        rows.append(f"| {shortcut} | " + " | ".join(cells) + " |")
    highest = max(values["step"] for values in found.values())
    verdict = "within" if highest <= LIMIT else "NOT within"
    text = "\n".join(rows)
    folder = machine.ROOT / "benchmarks" / "results"
    folder.mkdir(exist_ok=True)
    (folder / "resnet1202_memory.md").write_text(
        f"# A training step of resnet1202\n\n{text}\n\nPeak memory of the process up to that point;"
        f" batch 2, 32 × 32, float32, SGD with momentum. {highest:,.0f} MiB is {verdict} the "
        f"{LIMIT:,} MiB allowed.\n\n`python benchmarks/resnet1202_memory.py`\n\n"
        f"{machine.line(here)}\n",
        encoding="utf-8",
    )
    (folder / "resnet1202_memory.json").write_text(
        json.dumps({"machine": here, "mebibytes and seconds": found}, indent=1) + "\n",
        encoding="utf-8",
    )
    print(text)
    if highest > LIMIT:
        sys.exit(f"{highest:,.0f} MiB are more than the {LIMIT:,} MiB allowed")


if __name__ == "__main__":
    main()
