"""The programs of docs/gpu.md run; on the stand-in, with a small network."""

import re
from pathlib import Path

import numpy as np
import strict_cupy

import minicnn as mc

PAGE = Path(__file__).resolve().parents[2] / "docs" / "gpu.md"


def test_programs_run():
    programs = re.findall(r"^```python\n(.*?)^```", PAGE.read_text("utf-8"), re.S | re.M)
    assert len(programs) == 3
    rng = np.random.default_rng(0)
    images = mc.tensor(rng.standard_normal((8, 1, 28, 28)).astype("float32"))
    found = {"images": mc.data.TensorDataset(images, mc.tensor(rng.integers(0, 10, 8)))}
    small = {
        "mc.models.resnet18(num_classes=10)": "mc.models.lenet5()",
        "batch_size=64": "batch_size=4",
    }
    with strict_cupy.installed():
        for program in programs:
            for old, new in small.items():
                program = program.replace(old, new)
            exec(compile(program, "docs/gpu.md", "exec"), found)
        assert found["x"].is_cuda and np.isfinite(found["loss"].item())
