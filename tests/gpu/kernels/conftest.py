"""The tests of the CUDA kernels import the emulation from the folder beside this one."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "emulation"))
