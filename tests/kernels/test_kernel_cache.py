"""Machine code on disk: found again, and only while the sources are the same."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

CODE = """
import numpy as np
from minicnn.kernels import find
from minicnn.kernels.cpu import jit, pooling
x = np.ones((1, 1, 4, 4), np.float32)
find("max_pool2d")(x, (2, 2), (2, 2), (0, 0), (1, 1), (2, 2))
stats = [k.compiled.stats for k in vars(pooling).values() if hasattr(k, "compiled")]
print(jit.cache_folder(), sum(sum(s.cache_hits.values()) for s in stats))
"""


def run(**environment):
    """(the folder, how many kernels came from it) of a process of its own."""
    env = {**os.environ, **environment}
    done = subprocess.run([sys.executable, "-c", CODE], env=env, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    folder, hits = done.stdout.split()
    return folder, int(hits)


def test_the_second_process_finds_what_the_first_compiled(tmp_path):
    folder, hits = run(MINICNN_HOME=str(tmp_path))
    assert Path(folder).parent == tmp_path / "kernels" and hits == 0
    assert run(MINICNN_HOME=str(tmp_path)) == (folder, 1)


def test_without_a_place_to_write_kernels_run_all_the_same(tmp_path):
    (tmp_path / "file").write_text("no folder can be made below a file")
    assert run(MINICNN_HOME=str(tmp_path / "file" / "x")) == ("None", 0)


def test_other_sources_get_another_folder(monkeypatch, tmp_path):
    from minicnn.kernels.cpu import jit

    (tmp_path / "a.py").write_text("x = 1")
    monkeypatch.setattr(jit, "__file__", str(tmp_path / "jit.py"))
    first = jit._version.__wrapped__()
    assert jit._version.__wrapped__() == first
    (tmp_path / "a.py").write_text("x = 2")
    assert jit._version.__wrapped__() != first


@pytest.mark.parametrize("given", ["", "elsewhere"])
def test_the_user_s_own_numba_is_left_alone(given):
    import numba

    from minicnn.kernels.cpu import jit

    before = numba.config.CACHE_DIR
    try:
        numba.config.CACHE_DIR = given
        with jit._caching():
            pass
        assert given == numba.config.CACHE_DIR
    finally:
        numba.config.CACHE_DIR = before
