"""The tables in benchmarks/README.md and the roofline picture, from what was measured."""

import json
import math

import machine
import operations

README = machine.ROOT / "benchmarks" / "README.md"
PICTURE = machine.ROOT / "docs" / "pictures" / "roofline.png"
BEGIN, END = "<!-- tables: speed -->", "<!-- end of tables: speed -->"


def ratio(row):
    """PyTorch's time, in its better format, over minicnn's: above 1 where minicnn is quicker."""
    theirs = [v for k, v in row.items() if k.startswith("torch") and v]
    return min(theirs) / row["minicnn"] if theirs and row.get("minicnn") else None


def geomean(values):
    return math.exp(sum(map(math.log, values)) / len(values))


def shown(seconds):
    return "–" if seconds is None else f"{seconds * 1e3:.3g}"


def compared(rows, first, labels):
    """A table of milliseconds, the libraries side by side, and PyTorch's time over minicnn's."""
    lines = [
        f"| {first} | " + " | ".join(f"{label}, ms" for label in labels) + " | ratio |",
        "|---" * (len(labels) + 2) + "|",
    ]
    for name, row in rows.items():
        found = ratio(row)
        cells = [shown(row.get(label)) for label in labels]
        lines.append(f"| {name} | " + " | ".join(cells) + f" | {found:.2f} |")
    return lines


def multiplications(name):
    case = operations.CASES.get(name.rpartition(" · ")[0])
    return case.multiplications if case else None


def operations_table(rows):
    labels = ["minicnn", "torch contiguous", "torch channels_last"]
    lines = compared(rows, "operation", labels)
    lines[0] += " share of the limit |"
    lines[1] += "---|"
    for i, (name, row) in enumerate(rows.items(), 2):
        count = multiplications(name)
        share = count / 1e9 * row["limit"] / row["minicnn"] if count and "limit" in row else None
        lines[i] += f" {share:.0%} |" if share else " – |"
    return lines


def networks_table(rows):
    lines = compared(rows, "workload", ["minicnn", "torch contiguous", "torch channels_last"])
    ratios = {name: ratio(row) for name, row in rows.items()}
    worst = min(ratios, key=ratios.get)
    mean = geomean(list(ratios.values()))
    return [*lines, "", f"Geometric mean {mean:.2f}; least {ratios[worst]:.2f} ({worst})."]


def peers_table(rows):
    labels = list(dict.fromkeys(label for row in rows.values() for label in row))
    return compared(rows, "workload", labels)


def first_table(measured):
    lines = ["| the first LeNet step of a process ends after | s |", "|---|---|"]
    return lines + [f"| {name} | {seconds:.2f} |" for name, seconds in measured.items()]


def memory_table(rows):
    lines = [
        "| workload | minicnn, MiB | torch, MiB | ratio | minicnn's rise | torch's rise |",
        "|---|---|---|---|---|---|",
    ]
    for name, row in rows.items():
        ours, theirs = row["minicnn"], row["torch"]
        rises = [r["peak"] - r["before"] for r in (ours, theirs)]
        lines.append(
            f"| {name} | {ours['peak']:.0f} | {theirs['peak']:.0f} | "
            f"{ours['peak'] / theirs['peak']:.2f} | {rises[0]:.0f} | {rises[1]:.0f} |"
        )
    return lines


def engine_table(rows):
    ours, theirs = rows["minicnn"], rows["torch"]
    lines = [
        "| `relu` of one number, forward + backward | minicnn, µs | of which NumPy | torch, µs |",
        "|---|---|---|---|",
    ]
    for part, text in (
        ("chain", "one of 50 in a chain"),
        ("alone", "alone, with its `backward()`"),
    ):
        lines.append(f"| {text} | {ours[part]:.1f} | {ours['numpy']:.1f} | {theirs[part]:.1f} |")
    return lines


def growth_table(rows):
    return compared(rows, "training step of a residual network", ["minicnn", "torch contiguous"])


HEADINGS = {
    "training": ("Training steps", "Forward, backward, SGD with momentum; float32."),
    "inference": ("Inference", "Forward without a graph, in evaluation mode."),
    "operations": (
        "Single operations",
        "`dX`: the backward pass if only the input wants a gradient; `dW`: only the weight. The "
        "limit is that of multiply-adds, measured in the same turns.",
    ),
    "peers": ("LeNet beside other libraries", "A training step, as above."),
    "first": ("Cold start", "From the start of a Python process, imports included."),
    "memory": (
        "Memory",
        "The most that a process had resident in two training steps; the rise is that above what "
        "it had after its imports.",
    ),
    "engine": (
        "What the graph costs",
        "Python that every operation runs, beside what is computed.",
    ),
    "growth": ("Growth", "ResNet-18 at batches and at image sizes; networks of other depths."),
}


def section(part, content):
    measured = content[part]["measured"]
    heading, text = HEADINGS[part]
    if part in ("training", "inference"):
        lines = networks_table(measured)
    elif part == "operations":
        lines = operations_table(measured)
    else:
        lines = globals()[f"{part}_table"](measured)
    return [f"### {heading}", "", text, "", *lines, "", machine.line(content[part]["machine"]), ""]


def tables(content):
    lines = [
        BEGIN,
        "",
        "Milliseconds: medians, all libraries in turn, each in its own process. "
        "Ratio = PyTorch's time, in its better memory format, over minicnn's: above 1 where "
        "minicnn is quicker.",
        "",
    ]
    if "limit" in content:
        limit = content["limit"]["measured"]
        lines += [
            f"Limits measured on this machine: {limit['GFLOP/s']:.0f} GFLOP/s of multiply-adds, "
            f"{limit['GB/s']:.1f} GB/s from memory.",
            "",
        ]
    for part in HEADINGS:
        if part in content:
            lines += section(part, content)
    return "\n".join([*lines, END])


def write(content):
    """Put the tables between their marks, and draw the picture if there is what to draw."""
    text = README.read_text(encoding="utf-8")
    before, rest = text.split(BEGIN)
    README.write_text(before + tables(content) + rest.split(END)[1], encoding="utf-8")
    if "limit" in content and "operations" in content:
        roofline(content)


def bytes_moved(case):
    """What has to be read and written at least: each input and the result once."""
    outputs = case.multiplications / math.prod(case.shapes[1][1:])
    return 4 * (sum(math.prod(s) for s in case.shapes) + outputs)


def roofline(content):
    """GFLOP/s of every convolution over its multiply-adds a byte, below the two limits."""
    import matplotlib

    matplotlib.use("agg")
    from matplotlib import pyplot as plt

    limit = content["limit"]["measured"]
    figure, axes = plt.subplots(figsize=(9, 5.5), layout="constrained")
    for part, mark in {"forward": "o", "dX": "s", "dW": "^"}.items():
        for library, colour in {"minicnn": "#0b6e8f", "torch": "#d97706"}.items():
            places = []
            for name, case in operations.CASES.items():
                row = content["operations"]["measured"].get(f"{name} · {part}")
                if row is None or part not in case.parts or "dX" not in case.parts:
                    continue
                seconds = [v for k, v in row.items() if k.startswith(library) and v]
                flops = 2 * case.multiplications
                places.append((flops / bytes_moved(case), flops / min(seconds) / 1e9))
            label = f"{'PyTorch' if library == 'torch' else library}, {part}"
            axes.scatter(*zip(*places, strict=True), c=colour, marker=mark, s=34, alpha=0.75,
                         linewidths=0, label=label)  # fmt: skip
    low, high = axes.get_xlim()[0], axes.get_xlim()[1]
    low = max(low, 0.5)
    corner = limit["GFLOP/s"] / limit["GB/s"]
    xs = [low, corner, high]
    axes.plot(xs, [low * limit["GB/s"], limit["GFLOP/s"], limit["GFLOP/s"]], "k-", lw=1)
    axes.set(
        xscale="log",
        yscale="log",
        xlim=(low, high),
        xlabel="floating-point operations for each byte that must be moved",
        ylabel="GFLOP/s",
        title="Convolutions of the networks, below the limits of this machine",
    )
    axes.annotate(f"{limit['GFLOP/s']:.0f} GFLOP/s", (high, limit["GFLOP/s"]), ha="right",
                  va="bottom")  # fmt: skip
    axes.annotate(f"{limit['GB/s']:.0f} GB/s", (low * 1.3, low * 1.3 * limit["GB/s"] * 1.25))
    axes.grid(True, which="major", alpha=0.25)
    axes.legend(fontsize=8, loc="lower right")
    PICTURE.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(PICTURE, dpi=110)


if __name__ == "__main__":
    results = machine.ROOT / "benchmarks" / "results" / "speed.json"
    write(json.loads(results.read_text(encoding="utf-8")))
