"""Write docs/networks/stages.json: the stages of one network of each family, found by running it.

    python docs/make_stages.py            write it
    python docs/make_stages.py --check    only say whether it is up to date

`minicnn.summary` sees every layer run. What the layers compute does not matter for that, so weights
are not drawn, and convolutions answer with zeros of the right shape.
"""

import json
import sys
from contextlib import contextmanager
from pathlib import Path
from unittest import mock

import numpy as np

import minicnn as mc
from minicnn.kernels import find, registry
from minicnn.nn import init
from minicnn.shapes import output_size

ROOT = Path(__file__).resolve().parents[1]
TARGET = ROOT / "docs" / "networks" / "stages.json"

# Each network that a chapter shows: the image it is run on, and how deep its stages lie.
NETWORKS = {
    "lenet5": ((1, 28, 28), 1),
    "alexnet_paper": ((3, 227, 227), 2),
    "vgg16": ((3, 224, 224), 2),
    "resnet50": ((3, 224, 224), 1),
    "resnet20": ((3, 32, 32), 1),
    "resnext50_32x4d": ((3, 224, 224), 1),
    "googlenet_paper": ((3, 224, 224), 1),
    "inception_v3": ((3, 299, 299), 1),
    "densenet121": ((3, 224, 224), 2),
    "mobilenet_v1": ((3, 224, 224), 2),
    "mobilenet_v2": ((3, 224, 224), 2),
    "mobilenet_v3_large": ((3, 224, 224), 2),
    "shufflenet_v1": ((3, 224, 224), 1),
    "shufflenet_v2_x1_0": ((3, 224, 224), 1),
    "efficientnet_b0": ((3, 224, 224), 2),
    "efficientnet_v2_s": ((3, 384, 384), 2),
    "nas_cell": ((1, 14, 14), 2),
}


def _zeros(x, w, stride, padding, dilation, groups, *rest):
    out = map(output_size, x.shape[2:], w.shape[2:], stride, padding, dilation)
    return np.zeros((x.shape[0], w.shape[0], *out), x.dtype)


@contextmanager
def without_computing():
    """Weights stay undrawn, and convolutions give zeros of the shape that they would give."""
    find("conv2d")  # so that the kernels are there to be replaced
    undrawn = {name: lambda t, *args, **options: t for name in ("uniform_", "normal_")}
    undrawn["trunc_normal_"] = undrawn["uniform_"]
    names = dict.fromkeys(registry.variants("conv2d"), _zeros)
    with mock.patch.multiple(init, **undrawn), mock.patch.dict(registry._kernels, conv2d=names):
        yield


def network(name):
    """The network of that name; "nas_cell": that of the best cell that examples/nas has found."""
    if name != "nas_cell":
        return mc.models.get_model(name)
    sys.path.insert(0, str(ROOT / "examples" / "nas"))
    from space import CellNetwork, Layer

    found = json.loads((ROOT / "benchmarks/results/nas.json").read_text(encoding="utf-8"))["runs"]
    return CellNetwork([Layer(*layer) for layer in max(found, key=lambda r: r["test"])["cell"]])


def stages(name, image, depth):
    """The layers of a network down to `depth`, in the order in which they run, as plain values."""
    with without_computing():
        report = mc.summary(network(name), (1, *image), depth=depth)
    rows = []
    for row in report.rows[1:]:
        field = row.receptive_field
        rows.append(
            {
                "name": row.name,
                "type": row.type,
                "depth": row.depth,
                "opened": row.opened,
                "output": list(row.output_shapes[0][1:]) if row.output_shapes else [],
                "parameters": row.total.parameters,
                "multiplications": row.total.multiplications,
                "field": None if field is None or field.whole else list(field.size),
            }
        )
    total = report.rows[0].total
    return {
        "image": list(image),
        "parameters": total.parameters,
        "multiplications": total.multiplications,
        "stages": rows,
    }


def made(names=NETWORKS):
    """The file's text, for these networks."""
    found = {name: stages(name, *NETWORKS[name]) for name in names}
    entries = [
        f'"{name}": {json.dumps(value, ensure_ascii=False)}' for name, value in found.items()
    ]
    return "{\n" + ",\n".join(entries) + "\n}\n"


def main():
    text = made()
    if "--check" in sys.argv[1:]:
        if not TARGET.is_file() or text != TARGET.read_text(encoding="utf-8"):
            sys.exit(f"{TARGET.name} is out of date; run docs/make_stages.py")
        return
    TARGET.parent.mkdir(exist_ok=True)
    TARGET.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
