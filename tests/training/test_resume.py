"""A run that is stopped, or killed, at any moment goes on to the very same weights."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

import minicnn as mc
import minicnn.nn.functional as F
from minicnn import data, nn, optim
from minicnn.checks import ArgumentError
from minicnn.data.sample_random import generator
from minicnn.serialization import save
from minicnn.training import (
    Callback,
    Checkpoints,
    EarlyStopping,
    Log,
    TrainingMetrics,
    Validation,
    WeightAveraging,
    fit,
    read_checkpoint,
)


class Noisy(data.Dataset):
    """Samples with an augmentation of each epoch."""

    def __len__(self):
        return 26

    def __getitem__(self, index):
        pixels = np.sin(np.arange(36, dtype="f4") * (index + 1)).reshape(1, 6, 6)
        noise = generator().numpy.standard_normal(pixels.shape, "f4")
        return mc.tensor(pixels + 0.1 * noise), index % 3


class Stop(Callback):
    """Does something at one safe point."""

    def __init__(self, at=None, act=None):
        self.at, self.act, self.seen = at, act, 0

    def on_safe_point(self, run):
        self.seen += 1
        if self.seen == self.at:
            self.act(run)


class Stopped(Exception):
    pass


def give_up(run):
    raise Stopped


def ctrl_c(run):
    signal.raise_signal(signal.SIGINT)


def parts(path, seed=None, epochs=4, batch_size=4, own=None, stop=None, every=1, **loading):
    """Everything a run is made of: shuffled, augmented, with dropout, momentum and a schedule."""
    mc.manual_seed(seed if seed is not None else np.random.default_rng().integers(2**31))
    model = nn.Sequential(
        nn.Conv2d(1, 3, 3), nn.BatchNorm2d(3), nn.ReLU(), nn.Flatten(), nn.Dropout(0.3),
        nn.Linear(48, 3),
    )  # fmt: skip
    optimizer = optim.Adam(model.parameters(), 0.01)
    scheduler = optim.lr_scheduler.CosineAnnealingLR(optimizer, 20)
    loader = data.DataLoader(Noisy(), batch_size, shuffle=True, generator=own, **loading)
    averaging = WeightAveraging(0.9)
    callbacks = [
        TrainingMetrics((1, 2)),
        averaging,
        Validation(data.DataLoader(Noisy(), 13, generator=mc.Generator(4)), averaging=averaging),
        EarlyStopping(patience=100),
        Log(path.parent / "log.csv"),
        stop or Stop(),
        Checkpoints(path, every_steps=every),
    ]
    return {
        "model": model, "loader": loader, "loss_function": F.cross_entropy, "optimizer": optimizer,
        "epochs": epochs, "scheduler": scheduler, "step_scheduler": "step", "accumulate": 2,
        "callbacks": callbacks,
    }  # fmt: skip


def result(run):
    """All that must be equal, without what the clock decides."""
    state = [(k, v.dtype, v.array.tobytes()) for k, v in run.model.state_dict().items()]
    means = [(k, v.array.tobytes()) for k, v in run.callbacks[1].weights.items()]
    history = [{k: v for k, v in h.items() if k != "images_per_second"} for h in run.history]
    return state, means, history, str(run.optimizer.state_dict()), mc.rand(2).tolist()


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """What the run ends with if nobody stops it; it has 4 epochs of 4 steps, and 20 safe points."""
    folder = tmp_path_factory.mktemp("whole")
    run = fit(**parts(folder / "run.safetensors", seed=1))
    return result(run), (folder / "log.csv").read_text()


@pytest.mark.parametrize("act", [give_up, ctrl_c])
@pytest.mark.parametrize("every", [1, 3])
@pytest.mark.parametrize("at", [1, 2, 4, 5, 7, 19])
def test_a_stopped_run_goes_on_to_the_same_bits(tmp_path, whole, at, every, act):
    path = tmp_path / "run.safetensors"
    first = parts(path, seed=1, stop=Stop(at, act), every=every)
    if act is give_up:
        with pytest.raises(Stopped):
            fit(**first)
    else:
        run = fit(**first)
        assert run.stopped == "interrupted" and len(run.history) <= 4
        assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    saved = path.exists()  # not before the third step, where it is saved every three
    assert saved or (act is give_up and at <= every)
    run = fit(**parts(path, seed=None if saved else 1))
    assert run.was_resumed == saved and run.stopped is None
    assert result(run) == whole[0]
    mine, theirs = ((tmp_path / "log.csv").read_text(), whole[1])
    without_speed = [
        [r.split(",")[:4] + r.split(",")[5:] for r in t.split()] for t in (mine, theirs)
    ]
    assert without_speed[0] == without_speed[1] and len(without_speed[0]) == 5


@pytest.mark.parametrize("loading", [{"num_workers": 2}, {"num_workers": 1, "prefetch_factor": 5}])
def test_with_workers_too(tmp_path, whole, loading):
    path = tmp_path / "run.safetensors"
    assert result(fit(**parts(path, seed=1, stop=Stop(7, ctrl_c), **loading)))[0] != whole[0][0]
    assert result(fit(**parts(path, **loading))) == whole[0]


def test_a_loader_with_a_generator_of_its_own(tmp_path):
    expected = result(fit(**parts(tmp_path / "a", seed=1, own=mc.Generator(5))))
    path = tmp_path / "b"
    fit(**parts(path, seed=1, own=mc.Generator(5), stop=Stop(8, ctrl_c)))
    assert result(fit(**parts(path, own=mc.Generator()))) == expected


def test_a_list_of_batches_and_generators_that_are_named(tmp_path):
    def run(path, seed, stop):
        mc.manual_seed(0)
        model, noise = nn.Linear(2, 2), mc.Generator(seed)

        class Shakes(Callback):
            def on_epoch_begin(self, run):
                noise.manual_seed(seed + run.epoch)  # it goes on from where it was, all the same

            def on_batch_begin(self, run):
                run.inputs = run.inputs + mc.randn(4, 2, generator=noise)

        loader = [(mc.tensor([[i, 1.0]] * 4), mc.tensor([0, 1, 0, 1])) for i in range(5)]
        callbacks = [Shakes(), stop, Checkpoints(path)]
        sgd = optim.SGD(model.parameters(), 0.1)
        options = {"callbacks": callbacks, "generators": {"noise": noise}}
        fit(model, loader, F.cross_entropy, sgd, 3, **options)
        return model.weight.tolist()

    expected = run(tmp_path / "whole", 3, Stop())
    assert run(tmp_path / "part", 3, Stop(8, ctrl_c)) != expected
    assert run(tmp_path / "part", 3, Stop()) == expected


def test_more_epochs_later(tmp_path, whole):
    path = tmp_path / "run"
    fit(**parts(path, seed=1, epochs=3))
    assert result(fit(**parts(path))) == whole[0]
    assert result(fit(**parts(path)))[:-1] == whole[0][:-1]  # finished, it only ends again


def test_an_early_end_stays_the_end(tmp_path):
    path = tmp_path / "run"
    run = fit(**parts(path, seed=1, stop=Stop(6, lambda run: run.stop("enough"))))
    assert (run.stopped, run.epoch) == ("enough", 1)
    again = fit(**parts(path))
    assert (again.stopped, again.step) == ("enough", run.step)


def test_not_to_be_resumed(tmp_path, whole):
    path = tmp_path / "run"
    fit(**parts(path, seed=3, epochs=1))
    options = parts(path, seed=1)
    options["callbacks"][-1].resume = False
    run = fit(**options)
    assert not run.was_resumed and result(run) == whole[0]


def test_saving_by_the_clock(tmp_path, monkeypatch):
    now, saved = [0.0], []

    class Clock(Callback):
        def on_batch_begin(self, run):
            now[0] += 1.0

    options = parts(tmp_path / "run", seed=1, epochs=2)
    checkpoints = Checkpoints(tmp_path / "run", every_seconds=4)
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    monkeypatch.setattr(Checkpoints, "save", _noting(saved, Checkpoints.save))
    options["callbacks"] = [Clock(), checkpoints]
    fit(**options)
    # Batches make a second each, two of them a step; an epoch has seven and ends with a save.
    assert saved == [(0, 4), (1, 0), (1, 4), (2, 0)]


def _noting(saved, save):
    def noting(self, run):
        saved.append((run.epoch, run.batch))
        save(self, run)

    return noting


# ---------------------------------------------------------------- what goes wrong


def checkpointed(tmp_path):
    path = tmp_path / "run.safetensors"
    fit(**parts(path, seed=1, stop=Stop(3, ctrl_c)))
    return path, path.read_bytes()


def test_a_full_disk_leaves_the_older_checkpoint(tmp_path, whole, monkeypatch):
    path, _ = checkpointed(tmp_path)
    real, calls = os.fsync, []

    def full(handle):
        calls.append(handle)
        if len(calls) < 4:
            raise OSError(28, "No space left on device")
        real(handle)

    monkeypatch.setattr("minicnn.serialization.atomic.os.fsync", full)
    before = read_checkpoint(path)["position"]["step"]
    told = []

    class Looks(Callback):
        def on_safe_point(self, run):
            told.append(read_checkpoint(path)["position"]["step"])

    options = parts(path)
    options["callbacks"][5] = type("Stop", (Looks,), {})()
    with pytest.warns(RuntimeWarning, match=r"was not written.*No space left") as seen:
        assert result(fit(**options)) == whole[0]  # it had room again
    texts = [str(warning.message) for warning in seen]
    assert sum("the one before is as it was, and the training goes on" in t for t in texts) >= 2
    assert told[:2] == [before] * 2 and told[-1] > before
    assert not list(tmp_path.glob(".minicnn*"))


@pytest.mark.filterwarnings("ignore:(Log|Checkpoints). .* was not written")
def test_the_last_save_must_not_fail(tmp_path, monkeypatch):
    path, before = checkpointed(tmp_path)
    options = parts(path, stop=Stop(1, ctrl_c))

    def full(handle):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("minicnn.serialization.atomic.os.fsync", full)
    with pytest.raises(OSError, match="No space left"):
        fit(**options)
    assert path.read_bytes() == before
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def refused(path, options):
    """The message, after a look that nothing was changed by what was refused."""
    model = options["model"]
    before = {k: v.tolist() for k, v in model.state_dict().items()}, path.read_bytes()
    with pytest.raises(ArgumentError) as error:
        fit(**options)
    assert ({k: v.tolist() for k, v in model.state_dict().items()}, path.read_bytes()) == before
    return str(error.value)


def test_checkpoints_that_do_not_fit(tmp_path):
    path, content = checkpointed(tmp_path)
    options = parts(path)
    other = {**options, "model": nn.Linear(2, 3)}
    assert "is a checkpoint of another network (Sequential) than this Linear" in refused(
        path, other
    )
    sgd = optim.SGD(options["model"].parameters(), 0.1)
    other = {**options, "optimizer": sgd, "scheduler": None}
    assert "holds the optimizer Adam, and SGD was given" in refused(path, other)
    text = refused(path, parts(path, batch_size=5))
    assert "of a run with 7 batches an epoch, this one has 6" in text
    text = refused(path, {**parts(path), "callbacks": [Checkpoints(path)]})
    assert "with the callbacks TrainingMetrics, WeightAveraging" in text
    text = refused(path, parts(path, own=mc.Generator(1)))
    assert "with the generators none; this one has loader" in text
    stored = mc.load(path)
    save({**stored, "version": 7}, path)
    assert "a checkpoint of version 7, this minicnn reads version 1" in refused(path, parts(path))
    save({**stored, "position": {"epoch": 1}}, path)
    assert "was not written by fit" in refused(path, parts(path))
    save({"weights": mc.zeros(2)}, path)
    assert "is not a checkpoint of a training run" in refused(path, parts(path))
    for broken in (content[:-20], content[: len(content) // 2], b"", b"not a file of tensors"):
        path.write_bytes(broken)
        refused(path, parts(path))


def test_wrong_arguments():
    with pytest.raises(ArgumentError, match="every_steps must be at least 1, got 0"):
        Checkpoints("x", every_steps=0)
    with pytest.raises(ArgumentError, match="every_seconds must be at least 0, got -1"):
        Checkpoints("x", every_seconds=-1)


def test_a_second_ctrl_c_ends_it_at_once(tmp_path):
    class Twice(Callback):
        def on_batch_end(self, run):
            ctrl_c(run)
            ctrl_c(run)

    options = parts(tmp_path / "run", seed=1)
    options["callbacks"] = [Twice(), Checkpoints(tmp_path / "run")]
    with pytest.raises(KeyboardInterrupt):
        fit(**options)
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_a_ctrl_c_after_the_look_counts_at_the_next_safe_point(tmp_path, whole):
    """It comes when the checkpoint of this safe point is already decided."""
    path = tmp_path / "run"
    options = parts(path, seed=1, every=None)
    late = Stop(2, ctrl_c)
    options["callbacks"] = [*options["callbacks"], late]
    run = fit(**options)
    assert run.step == 3 == read_checkpoint(path)["position"]["step"]


def test_remains_of_killed_processes_are_removed(tmp_path):
    old, young = tmp_path / ".minicnn-1.tmp", tmp_path / ".minicnn-2.tmp"
    for file in (old, young):
        file.write_bytes(b"half a checkpoint")
    os.utime(old, (1, 1))
    fit(**parts(tmp_path / "run", seed=1, epochs=1))
    assert not old.exists() and young.exists()


# ---------------------------------------------------------------- kill -9


SCRIPT = """\
import sys, pathlib
sys.path.insert(0, sys.argv[1])
import test_resume
folder = pathlib.Path(sys.argv[2])
# A seed of its own for each process: what a resumed run does not take up shows.
options = test_resume.parts(folder / "run.safetensors", seed=None, epochs=int(sys.argv[3]))
class Tells(test_resume.Callback):
    def on_epoch_begin(self, run):
        print("begun", flush=True)
options["callbacks"][5] = type("Stop", (Tells,), {})()
if not (folder / "run.safetensors").exists():
    test_resume.mc.manual_seed(1)
    fresh = test_resume.parts(folder / "run.safetensors", seed=1, epochs=int(sys.argv[3]))
    options = {**fresh, "callbacks": fresh["callbacks"][:5] + options["callbacks"][5:]}
run = test_resume.fit(**options)
import hashlib
print("finished", hashlib.sha256(repr(test_resume.result(run)).encode()).hexdigest(), flush=True)
"""


def start(folder, epochs):
    arguments = [sys.executable, "-c", SCRIPT, str(Path(__file__).parent), str(folder), str(epochs)]
    return subprocess.Popen(arguments, stdout=subprocess.PIPE, text=True)


def survive(tmp_path, kills, epochs, rng):
    """Kill a run so many times, each at a random moment; all ends must be equal."""
    (tmp_path / "whole").mkdir()
    process = start(tmp_path / "whole", epochs)
    out, _ = process.communicate(timeout=600)  # seconds: other work may leave it little time
    expected = out.split()[-1]
    assert len(expected) == 64
    folder, killed, ends, progress = tmp_path / "killed", 0, [], 0
    folder.mkdir()
    while killed < kills or not ends:
        process = start(folder, epochs)
        if killed < kills:
            assert process.stdout.readline() in ("begun\n", "finished\n")
            time.sleep(rng.uniform(0, 0.25))
            process.kill()
            killed += process.wait() == -signal.SIGKILL
        out = process.communicate()[0]
        if (folder / "run.safetensors").exists():
            step = read_checkpoint(folder / "run.safetensors")["position"]["step"]
            assert step >= progress  # nothing that was saved is lost
            progress = step
        if "finished" in out:
            ends.append(out.split()[-1])
            progress = 0
            for file in folder.iterdir():
                file.unlink()
    assert set(ends) == {expected}
    return killed


def test_a_run_that_is_killed_a_few_times_ends_with_the_same_bits(tmp_path, rng):
    assert survive(tmp_path, 3, 12, rng) == 3


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_a_run_that_is_killed_50_times_ends_with_the_same_bits(tmp_path, rng):
    """``pytest -m slow tests/training/test_resume.py``"""
    assert survive(tmp_path, 50, 100, rng) == 50
