"""One knob for threads, and what `show_config` reports."""

import threading

import numba
import numpy as np
import pytest

import minicnn as mc
import minicnn.nn.functional as F
from minicnn.kernels import threads


@pytest.fixture
def knob(monkeypatch):
    monkeypatch.setattr(threads, "_asked_for", None)


def test_the_knob_reaches_the_blas(knob):
    libraries = threads._blas()
    before = [n for _, n in libraries]
    try:
        for n in (2, 1):
            mc.set_num_threads(n)
            assert mc.get_num_threads() == n
            with threads.compute_lock:
                threads.use_blas_threads(threads.MULTIPLICATIONS_FOR_ALL_THREADS)
                assert [library.get_num_threads() for library, _ in libraries] == [n] * len(before)
                threads.use_blas_threads(1)
                assert [library.get_num_threads() for library, _ in libraries] == [1] * len(before)
    finally:
        for (library, _), n in zip(libraries, before, strict=True):
            library.set_num_threads(n)


def test_the_knob_reaches_numba_in_every_thread(knob):
    x = mc.rand(2, 2, 6, 6)
    expected = F.max_pool2d(x, 2)
    most, found = numba.config.NUMBA_NUM_THREADS, []

    def work():
        assert np.array_equal(F.max_pool2d(x, 2).array, expected.array)
        found.append(numba.get_num_threads())

    for n in (1, most, most + 5):
        mc.set_num_threads(n)
        for _ in range(2):
            thread = threading.Thread(target=work)
            thread.start()
            thread.join()
        work()
        assert found == [min(n, most)] * 3
        found.clear()
    numba.set_num_threads(most)


def test_the_default_is_the_cores_or_what_variables_say(knob, monkeypatch):
    assert mc.get_num_threads() == threads.available_threads()
    for variable in ("OMP_NUM_THREADS", "NUMBA_NUM_THREADS"):
        monkeypatch.setenv(variable, "1")
        assert threads.available_threads.__wrapped__() == 1
        monkeypatch.setenv(variable, "nonsense")
        assert threads.available_threads.__wrapped__() >= 1


def test_what_is_not_a_number_of_threads():
    for value, text in ((0, "at least 1"), (-2, "at least 1"), (1.5, "integer"), (True, "integer")):
        with pytest.raises(RuntimeError, match=f"set_num_threads: expected .*{text}"):
            mc.set_num_threads(value)


def test_show_config():
    config = mc.show_config()
    assert config["minicnn"] == mc.__version__
    assert config["numpy"] == np.__version__
    assert config["numba"] == numba.__version__
    assert config["threads"] == mc.get_num_threads()
    assert "im2col (cpu/cuda/plain)" in config["kernels"]
    assert config["threading layer"] in ("omp", "tbb", "workqueue")
    lines = str(config).splitlines()
    assert len(lines) == len(config)
    # All values stand in one column.
    assert len({len(line) - len(line.split(":", 1)[1].lstrip()) for line in lines}) == 1
    for library, _ in threads._blas():
        assert library.internal_api in config["BLAS"]
