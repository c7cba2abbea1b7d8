"""How the Numba kernels are compiled."""

import hashlib
import inspect
import os
import tempfile
from contextlib import contextmanager
from functools import cache
from pathlib import Path

import numba

from minicnn.kernels.cpu.parallel import run_parts
from minicnn.kernels.memory import keep_freed_memory
from minicnn.kernels.threads import compute_lock, get_num_threads

# How often an idle thread looks for work before it sleeps: a few tenths of a millisecond.
SPINS = 20_000


def _start_threads():
    """Start Numba's threads so that idle ones look out for work for a moment, and then sleep.

    A sleeping thread takes longer to wake than a small kernel to run: with threads that sleep at
    once, a LeNet step took 10 ms instead of 6. Left to itself GNU OpenMP lets them look out for
    many milliseconds, which takes the cores from the BLAS (seven times slower where the two
    alternate). The library reads these variables once, when it is loaded.
    """
    chosen = {"OMP_WAIT_POLICY": "passive", "GOMP_SPINCOUNT": str(SPINS)}
    if any(name in os.environ for name in chosen):
        chosen = {}
    os.environ.update(chosen)
    try:
        numba.set_num_threads(numba.get_num_threads())
    finally:
        for name in chosen:
            del os.environ[name]


_start_threads()
keep_freed_memory()


@cache
def _version():
    """A name for the kernels' sources as they are now: other sources, other machine code."""
    digest = hashlib.sha256(numba.__version__.encode())
    for path in sorted(Path(__file__).parent.glob("*.py")):
        digest.update(path.read_bytes())
    return digest.hexdigest()[:16]


@cache
def cache_folder():
    """Where machine code is kept from one run to the next; None where nothing can be written.

    Numba's own cache looks only at the file of the kernel itself. A kernel that is made of pieces
    from other files (`vectors.py`) would stay as it was when those change, so the folder's name
    depends on the sources of all. MINICNN_HOME, if set, says where it lies; else it is the user's
    cache folder, as for weights.
    """
    home = os.environ.get("MINICNN_HOME")
    base = Path(home) if home else Path("~/.cache/minicnn").expanduser()
    folder = base / "kernels" / _version()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            return folder
    except (OSError, RuntimeError):  # read-only, full, or no home at all
        return None


@contextmanager
def _caching():
    """Inside, Numba puts its cache into our folder; what the user has set holds again after."""
    before, folder = numba.config.CACHE_DIR, cache_folder()
    if folder is not None:
        numba.config.CACHE_DIR = str(folder)
    try:
        yield folder is not None
    finally:
        numba.config.CACHE_DIR = before


def _compile_quickly(compiled):
    """Whenever Numba compiles this function, it is at the lowest level of optimisation but none."""
    compile_thoroughly = compiled.compile

    def compile(signature):
        # The code generator takes its own level from there when it is made: at the first kernel.
        numba.core.registry.cpu_target.target_context.codegen()
        before = numba.config.OPT
        numba.config.OPT = type(before)(1)
        try:
            return compile_thoroughly(signature)
        finally:
            numba.config.OPT = before

    compiled.compile = compile


def _launcher(function, body):
    """A function ``(threads, workers, …)`` that runs ``body(thread, threads, …)`` in parts.

    It is written with the arguments of `function`, as if it stood in its file: so Numba can compile
    it, and knows where to keep it.
    """
    names = ", ".join(list(inspect.signature(function).parameters)[2:])
    name = function.__name__
    call = f"run_parts(body, threads, workers, ({names},))"
    source = f"def {name}(threads, workers, {names}): {call}"
    namespace = {"run_parts": run_parts, "body": body, "__name__": function.__module__}
    exec(compile(source, function.__code__.co_filename, "exec"), namespace)
    return namespace[name]


def jit(function=None, *, reorder=False, explicit=False):
    """Compile ``function(thread, threads, …)`` so that all threads run it, each with its number.

    The result is called without these two arguments. With `own_part` every thread finds its part of
    the work (see `parallel.py`). The machine code is kept on disk; one kernel runs at a time.

    With `reorder` sums may be added up in another order, in several parts side by side: always the
    same one, but not that of the loop. Without it a sum waits for each addition.

    `explicit` says that the loops that count are written as vector instructions (`vectors.py`). The
    compiler has nothing to find there; told to look less, it is done sooner.
    """
    if function is None:
        return lambda function: jit(function, reorder=reorder, explicit=explicit)
    math = {"reassoc", "contract", "nsz"} if reorder else False
    options = {"fastmath": math, "error_model": "numpy", "no_cfunc_wrapper": True}
    body = numba.njit(no_cpython_wrapper=True, **options)(function)
    with _caching() as possible:
        # Python's lock is given back meanwhile: other threads load data, and an allocation in a
        # kernel may need it (under `tracemalloc`), in a thread that does not hold it.
        compiled = numba.njit(cache=possible, nogil=True, **options)(_launcher(function, body))
    if explicit:
        _compile_quickly(compiled)
    most = numba.config.NUMBA_NUM_THREADS

    def run(*arguments):
        threads = get_num_threads()
        with compute_lock:
            return compiled(threads, min(threads, most), *arguments)

    run.compiled = compiled
    return run


def serial(function):
    """Compile `function` for one thread, without the lock, and keep the machine code on disk.

    For the small kernels of a data loader, whose threads work on an image each, side by side and
    beside the network: none of them waits for another, or for Python's lock.
    """
    with _caching() as possible:
        return numba.njit(cache=possible, nogil=True, error_model="numpy")(function)
