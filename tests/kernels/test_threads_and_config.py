"""One knob for threads, and what `show_config` reports."""

import itertools
import threading

import numba
import numpy as np
import pytest

import minicnn as mc
from minicnn.kernels import threads
from minicnn.kernels.cpu.jit import jit
from minicnn.kernels.cpu.parallel import own_part, places


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


@jit
def who_runs(thread, threads, seen):
    seen[thread] = threads
    for _ in range(10_000_000):  # long enough that the other threads are there
        seen[thread] = seen[thread] * 3 % 1_000_003
    seen[thread] = threads


def test_the_knob_reaches_kernels_in_every_thread(knob):
    most, found = numba.config.NUMBA_NUM_THREADS, []

    def work():
        seen = np.zeros(most + 8, np.int64)
        who_runs(seen)
        found.append(seen)

    for n in (1, most, most + 5):
        mc.set_num_threads(n)
        for _ in range(2):
            thread = threading.Thread(target=work)
            thread.start()
            thread.join()
        work()
        for seen in found:  # each part ran once, and knew how many there are
            assert np.array_equal(seen, [n] * n + [0] * (most + 8 - n))
        found.clear()


@jit
def fails_in_one(thread, threads, values):
    if thread == threads - 1:
        raise ValueError("here")
    values[thread] = 1


def test_an_error_in_one_thread_is_an_error_of_the_kernel(knob):
    for n in (1, 2, 3):
        mc.set_num_threads(n)
        values = np.zeros(3)
        with pytest.raises(RuntimeError, match="a kernel failed"):
            fails_in_one(values)
        assert values.sum() == n - 1


@pytest.mark.parametrize("count", [0, 1, 2, 7, 16, 10**15])
@pytest.mark.parametrize("threads", [1, 2, 3, 8])
@pytest.mark.parametrize("part_of", [own_part.py_func, places.py_func])
def test_the_parts_of_a_loop_are_the_whole_loop(part_of, count, threads):
    parts = [part_of(count, thread, threads) for thread in range(threads)]
    assert parts[0].start == 0 and parts[-1].stop == count
    assert all(a.stop == b.start for a, b in itertools.pairwise(parts))
    assert max(map(len, parts)) - min(map(len, parts)) <= 1


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
