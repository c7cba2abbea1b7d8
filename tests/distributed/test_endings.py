"""A job ends together, or at once: never with a rank that waits for ever, never with status 0."""

import random
import time

import pytest

import minicnn as mc
from minicnn.training import read_checkpoint

DEADLINE = 5  # seconds
IN_THE_MIDDLE = 7  # of 20 steps
PLACES = (  # in the work on a step; see jobs/ending.py
    "before forward", "backward", "before the update", "after the update", "before the checkpoint",
)  # fmt: skip


class Job:
    """A run of jobs/ending.py."""

    def __init__(
        self, mpi, folder, how="never", ranks=2, rank=1, step=IN_THE_MIDDLE, place=PLACES[2],
        deadline=240,
    ):  # fmt: skip
        folder.mkdir(exist_ok=True)
        self.mpi, self.folder, self.how = mpi, folder, how
        self.ranks, self.rank, self.step, self.place = ranks, rank, step, place
        self.marker = folder / "finished"
        settings = {"MINICNN_MPI_DEADLINE": deadline, "MINICNN_FINISHED_FILE": self.marker}
        settings = {k: str(v) for k, v in settings.items()}
        arguments = mpi.jobs / "ending.py", folder, how, rank, step, place
        self.process = mpi.start(ranks, *arguments, **settings)

    def finish(self):
        self.result = self.mpi.finish(self.process)
        return self

    def seconds(self):
        """From what happened to the end of the job."""
        return self.result.ended - float((self.folder / "time").read_text())

    def saved(self):
        return read_checkpoint(self.folder / "run.safetensors")["position"]["step"]

    def weights(self):
        state = mc.load(self.folder / "weights.safetensors")
        return {name: t.array.tobytes() for name, t in state.items()}


WAITED_FOR = ("hang", "alone")  # nothing but the deadline ends these
CASES = {  # ranks, the rank that does it
    "never": (2, 0),
    "kill": (2, 1),
    "raise": (2, 1),
    "caught": (2, 0),
    "exit 0": (2, 1),
    "hard exit 0": (2, 1),
    "hang": (2, 1),
    "alone": (2, 1),
    "exit 0 in a loop": (4, 2),
    "signal": (2, 1),
}


@pytest.fixture(scope="module")
def jobs(mpi, tmp_path_factory):
    """All of them at once: most of the time they wait."""
    started = {}
    for how, (ranks, rank) in CASES.items():
        deadline = 2 * DEADLINE if how in WAITED_FOR else 240  # room for busy machines
        folder = tmp_path_factory.mktemp("job")
        started[how] = Job(mpi, folder, how, ranks, rank, deadline=deadline)
    return {how: job.finish() for how, job in started.items()}


def is_mpich(result):
    return "prterun" not in result.err and "mpirun" not in result.err


def test_a_job_that_nothing_happens_to(jobs):
    job = jobs["never"]
    assert (job.result.status, job.result.err) == (0, "")
    assert job.marker.exists() and job.weights()


@pytest.mark.parametrize("how", [how for how in CASES if how != "never"])
def test_the_job_ends_with_a_status_and_a_message(jobs, how):
    job = jobs[how]
    # Some launchers take a process that leaves without a word for one that is done.
    if not (how == "hard exit 0" and is_mpich(job.result)):
        assert job.result.status != 0
        assert (job.result.err + job.result.out).strip()
    assert not job.marker.exists()
    assert not (job.folder / "weights.safetensors").exists()


@pytest.mark.parametrize(
    "how, texts",
    [
        ("raise", ["[rank 1 of 2] step 8: all ranks end, for this error:", "Planned: as planned"]),
        (
            "caught",
            ["error: as planned", "rank 0 ended before its work was done: Planned: as planned"],
        ),
        ("exit 0", ["[rank 1 of 2] step 8: the program ended in the middle of a training run"]),
        (
            "hang",
            [
                "[rank 0 of 2] step 8: ",
                "was not completed within 10 s. Rank 1 does not answer: hanging, killed, or still "
                "busy with something else. MINICNN_MPI_DEADLINE=SECONDS gives more time",
            ],
        ),
        ("alone", ["step 8: ", "not all ranks do the same things in the same order"]),
        ("exit 0 in a loop", ["cannot be completed: rank 2 ended its program (step 8)"]),
    ],
)
def test_what_the_message_says(jobs, how, texts):
    for text in texts:
        assert text in jobs[how].result.err


def test_an_error_elsewhere_in_a_step(mpi, tmp_path):
    """With a deadline that is longer than the test may take: only the error can end the job."""
    places = ("backward", "before the checkpoint")  # `test_thirty_of_thirty` goes to all
    started = [
        Job(mpi, tmp_path / place, "raise", step=3, place=place, deadline=1000) for place in places
    ]
    for job in started:
        job.finish()
        assert job.result.status != 0 and "Planned: as planned" in job.result.err, job.place
        assert job.saved() == 2 and not job.marker.exists(), job.place


def test_restart_ends_with_the_same_bits(mpi, jobs):
    killed = jobs["kill"]
    assert killed.saved() >= IN_THE_MIDDLE - 1
    again = Job(mpi, killed.folder).finish()
    assert again.result.status == 0 and again.marker.exists()
    assert again.weights() == jobs["never"].weights()


def test_a_signal_to_one_rank_stops_all_after_the_step(mpi, jobs):
    """As the scheduler of a cluster sends it before it kills; the run goes on from there."""
    stopped = jobs["signal"]
    assert stopped.result.status != 0 and "Traceback" not in stopped.result.err
    assert stopped.result.err.splitlines().count("interrupted at step 7") == 1
    assert stopped.saved() == IN_THE_MIDDLE and not stopped.marker.exists()
    again = Job(mpi, stopped.folder).finish()
    assert again.result.status == 0 and again.weights() == jobs["never"].weights()


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_thirty_of_thirty(mpi, tmp_path):
    """``pytest -m slow tests/distributed``: about ten minutes on two free cores."""
    whole = {}
    for ranks in (2, 3, 4):
        job = Job(mpi, tmp_path / f"whole {ranks}", ranks=ranks).finish()
        assert job.result.status == 0
        whole[ranks] = job.weights()
    draw, seconds = random.Random(2024), []
    kinds = ("kill", "raise", "exit 0", "hang", "hard exit 0", "exit 3")
    for number in range(30):
        how, ranks = kinds[number % len(kinds)], draw.choice((2, 3, 4))
        rank, step, place = draw.randrange(ranks), draw.randint(1, 20), draw.choice(PLACES)
        what = f"{number}: rank {rank} of {ranks}, {how}, step {step}, {place}"
        folder = tmp_path / str(number)
        job = Job(mpi, folder, how, ranks, rank, step, place, DEADLINE).finish()
        seconds.append(job.seconds())
        print(f"{what}: status {job.result.status} after {seconds[-1]:.1f} s", flush=True)
        assert job.result.status != 0 and (job.result.err + job.result.out).strip(), what
        assert seconds[-1] <= DEADLINE + 5, what
        assert not job.marker.exists(), what
        if (job.folder / "run.safetensors").exists():
            assert job.saved() >= step - 1, what
        else:
            assert step == 1, what
        time.sleep(0.1)
        again = Job(mpi, job.folder, ranks=ranks).finish()
        assert again.result.status == 0 and again.weights() == whole[ranks], what
    print(f"30 of 30; the slowest took {max(seconds):.1f} s")
