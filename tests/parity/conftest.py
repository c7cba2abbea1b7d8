"""The tables of cases are plain modules beside the tests; this makes them importable by name."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
