"""The fuzzer and the guards are plain modules beside the tests; this makes them importable."""

import sys
from pathlib import Path

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE), str(HERE.parent / "parity")]

# Pytest looks for examples in every module, and some of these need PyTorch to be imported at all.
collect_ignore = [path.name for path in HERE.glob("*.py") if not path.name.startswith("test_")]
