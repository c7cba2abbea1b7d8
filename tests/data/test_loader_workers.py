"""Workers of the loader: threads and processes give what the program itself would, and end."""

import gc
import os
import signal
import subprocess
import sys
import threading
import time
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import pytest

import minicnn as mc
from minicnn.checks import ArgumentError
from minicnn.data import DataLoader, Dataset, TensorDataset, WorkerError, get_worker_info
from minicnn.data.sample_random import generator

# Worker processes find what they are sent in a module that they can import.
MODULE = """\
import os, signal, time
import numpy as np
import minicnn as mc
from minicnn.data import Dataset, get_worker_info
from minicnn.data.sample_random import generator


class Crops(Dataset):
    def __len__(self):
        return 23

    def __getitem__(self, index):
        image = np.arange(100).reshape(10, 10) + index
        top, left = generator().numpy.integers(8, size=2)
        crop = mc.tensor(image[top : top + 3, left : left + 3])
        return {"image": crop, "names": (str(index), index / 2)}


def noisy(samples):
    return samples, mc.tensor(generator().numpy.random(3))


class Who(Dataset):
    def __len__(self):
        return 8

    def __getitem__(self, index):
        info = get_worker_info()
        return (os.getpid(), info.id, info.num_workers, len(info.dataset), os.environ["INIT"])


def init(number):
    os.environ["INIT"] = f"worker {number}"


def broken_init(number):
    raise OSError(f"no disk for worker {number}")


class Broken(Exception):
    def __init__(self, path, reason):
        super().__init__(f"{path}: {reason}")


class Corrupt(Dataset):
    def __init__(self, kind=KeyError, bad=5):
        self.kind, self.bad = kind, bad

    def __len__(self):
        return 9

    def __getitem__(self, index):
        if index != self.bad:
            return index
        if self.kind is Broken:
            raise Broken("cat.png", "truncated")
        if self.kind == "kill":
            os.kill(os.getpid(), signal.SIGKILL)
        if self.kind == "sleep":
            time.sleep(60)
        raise self.kind("cat.png")


class Unlike(Dataset):
    def __len__(self):
        return 6

    def __getitem__(self, index):
        return np.full((index + 1) * 1000, index)
"""


@pytest.fixture
def module(tmp_path, monkeypatch):
    (tmp_path / "workers_data.py").write_text(MODULE)
    monkeypatch.syspath_prepend(str(tmp_path))
    yield __import__("workers_data")
    sys.modules.pop("workers_data", None)


@pytest.fixture(autouse=True)
def nothing_is_left(request):
    """No test leaves a process, a thread or a name in shared memory behind."""
    before = segments()
    yield
    gc.collect()
    assert children() == []
    assert [t.name for t in threading.enumerate() if "_work" in t.name] == []
    assert segments() <= before


def segments():
    """Names in shared memory; without the semaphores, which tests beside this one make, too."""
    folder = Path("/dev/shm")
    names = {p.name for p in folder.iterdir()} if folder.is_dir() else set()
    beside = "PYTEST_XDIST_WORKER" in os.environ
    return {name for name in names if not (beside and name.startswith(("sem.", "mpich")))}


def children():
    import multiprocessing

    return multiprocessing.active_children()


def plain(value):
    """What can be compared with ==, and of what kind it was."""
    if isinstance(value, mc.Tensor):
        return ("tensor", value.dtype, value.tolist())
    if isinstance(value, dict):
        return {k: plain(v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return (type(value), [plain(v) for v in value])
    return value


def epochs(data, *, count=2, **options):
    mc.manual_seed(3)
    loader = DataLoader(data, 4, shuffle=True, **options)
    return [[plain(batch) for batch in loader] for _ in range(count)]


KINDS = ["threads", "processes"]


@pytest.mark.parametrize("workers", KINDS)
def test_the_number_of_workers_does_not_matter(module, workers):
    expected = epochs(module.Crops(), count=3)
    assert expected[0] != expected[1] != expected[2]
    for number in (1, 3) if workers == "threads" else (2,):
        options = {"num_workers": number, "workers": workers, "persistent_workers": True}
        assert epochs(module.Crops(), count=3, **options) == expected


@pytest.mark.parametrize("workers", KINDS)
def test_random_numbers_of_a_collate_fn_and_of_single_samples(module, workers):
    many = {"num_workers": 1, "workers": workers}
    assert epochs(module.Crops(), collate_fn=module.noisy, count=1) == epochs(
        module.Crops(), collate_fn=module.noisy, count=1, **many
    )
    mc.manual_seed(0)
    alone = [plain(s) for s in DataLoader(module.Crops(), None)]
    mc.manual_seed(0)
    assert [plain(s) for s in DataLoader(module.Crops(), None, **many)] == alone


def test_a_sample_has_numbers_of_its_own():
    class Numbers(Dataset):
        def __len__(self):
            return 6

        def __getitem__(self, index):
            return generator().numpy.random()

    def drawn(loader, **options):
        return [x for batch in loader.batches(**options) for x in batch.tolist()]

    mc.manual_seed(0)
    loader = DataLoader(Numbers(), 4)
    first, second = drawn(loader), drawn(loader)
    assert len({*first, *second}) == 12
    # With another batch size, from the middle, in an epoch that is named, after seeding again.
    mc.manual_seed(0)
    assert drawn(DataLoader(Numbers(), 2)) == first
    mc.manual_seed(0)
    assert drawn(loader) == first
    loader.set_epoch(1)
    assert drawn(loader, skip=1) == second[4:]
    mc.manual_seed(1)
    assert not {*drawn(loader)} & {*first, *second}


def test_a_collate_fn_has_numbers_of_its_own():
    class Numbers(Dataset):
        def __len__(self):
            return 4

        def __getitem__(self, index):
            return generator().numpy.random()

    def with_one_more(samples):
        return [*samples, generator().numpy.random()]

    drawn = [x for batch in DataLoader(Numbers(), 2, collate_fn=with_one_more) for x in batch]
    assert len(drawn) == len({*drawn}) == 6


def test_the_loader_draws_nothing_from_the_generator_but_the_order():
    own, other = mc.Generator(5), mc.Generator(5)
    loader = DataLoader(range(6), 2, shuffle=True, generator=own, collate_fn=list)
    found = [(batch, own.numpy.random()) for batch in loader]
    order = other.numpy.permutation(6).tolist()
    assert found == [(order[i : i + 2], other.numpy.random()) for i in (0, 2, 4)]


def test_skipped_batches_are_not_loaded():
    loaded = []

    class Seen(Dataset):
        def __len__(self):
            return 10

        def __getitem__(self, index):
            loaded.append(index)
            return index

    def order(skip, **options):
        mc.manual_seed(4)
        loader = DataLoader(Seen(), 3, shuffle=True, **options)
        return [b.tolist() for b in loader.batches(skip=skip)]

    whole = order(0)
    loaded.clear()
    assert order(2) == whole[2:] and len(loaded) == 4
    assert order(2, num_workers=2) == whole[2:]
    assert order(9) == []
    with pytest.raises(ArgumentError, match="skip must be at least 0"):
        order(-1)


def test_processes_are_processes_that_know_who_they_are(module):
    options = {"num_workers": 2, "multiprocessing_context": "spawn", "worker_init_fn": module.init}
    loader = DataLoader(module.Who(), 2, collate_fn=list, **options)
    batches = list(loader)
    assert [[s[1:] for s in b] for b in batches] == [
        [(i, 2, 8, f"worker {i}")] * 2 for i in (0, 1, 0, 1)
    ]
    pids = [{s[0] for s in b} for b in batches]
    assert pids[0] == pids[2] != pids[1] == pids[3] and {os.getpid()} not in pids
    assert get_worker_info() is None


def test_threads_know_who_they_are():
    class Who(Dataset):
        def __len__(self):
            return 12

        def __getitem__(self, index):
            time.sleep(0.01)
            info = get_worker_info()
            return (threading.get_ident(), info.id, info.num_workers, info.dataset is self)

    started = []
    loader = DataLoader(Who(), 2, num_workers=3, collate_fn=list, worker_init_fn=started.append)
    seen = {s for batch in loader for s in batch}
    assert sorted(started) == [0, 1, 2]
    assert {s[2:] for s in seen} == {(3, True)}
    assert len({s[:1] for s in seen}) == len({s[1] for s in seen}) > 1
    assert threading.get_ident() not in {s[0] for s in seen}


def test_what_is_ambient_holds_in_threads():
    class Asks(Dataset):
        def __len__(self):
            return 2

        def __getitem__(self, index):
            return mc.is_grad_enabled()

    for setting in (mc.no_grad(), mc.enable_grad()):
        with setting:
            found = [b.tolist() for b in DataLoader(Asks(), num_workers=1)]
            assert found == [[mc.is_grad_enabled()]] * 2


@pytest.mark.parametrize("workers", KINDS)
def test_batches_are_made_ahead_but_not_all(workers, module):
    taken = []

    def order():
        for i in range(9):
            taken.append(i)
            yield i

    options = {"num_workers": 1, "workers": workers, "prefetch_factor": 3}
    batches = iter(DataLoader(range(9), sampler=order(), **options))
    assert taken == []
    for n in range(1, 4):
        next(batches)
        assert len(taken) == n + 3
    batches.close()


def test_batches_are_writable_and_of_their_own_memory(module):
    data = TensorDataset(mc.arange(40).reshape(20, 2))
    batches = list(DataLoader(data, 4, num_workers=1, workers="processes"))
    for (batch,) in batches:
        batch.array[:] -= 1
    assert [b.tolist() for (b,) in batches] == (np.arange(40).reshape(5, 4, 2) - 1).tolist()


def test_batches_that_grow(module):
    loader = DataLoader(module.Unlike(), 1, num_workers=1, workers="processes")
    for n, batch in enumerate(loader):
        assert batch.tolist() == [[n] * (1000 * (n + 1))]
    assert n == 5


# ---------------------------------------------------------------- what goes wrong


@pytest.mark.parametrize("workers", KINDS)
def test_an_exception_has_its_kind_the_sample_and_the_workers_traceback(module, workers):
    loader = DataLoader(module.Corrupt(), 3, num_workers=2, workers=workers)
    found = []
    with pytest.raises(KeyError, match=r"^'cat.png'\n") as raised:
        for batch in loader:
            found.append(batch.tolist())
    assert found == [[0, 1, 2]]  # what came before is not lost
    notes = "\n".join(raised.value.__notes__)
    assert "DataLoader: while loading sample 5 of Corrupt" in notes
    if workers == "processes":
        assert "In a worker process (" in notes and 'raise self.kind("cat.png")' in notes


def test_an_exception_that_cannot_be_sent_is_told_of(module):
    loader = DataLoader(module.Corrupt(module.Broken), num_workers=1, workers="processes")
    with pytest.raises(WorkerError, match=r"^Broken: cat.png: truncated\n") as raised:
        list(loader)
    notes = "\n".join(raised.value.__notes__)
    assert "sample 5 of Corrupt" in notes and 'raise Broken("cat.png", "truncated")' in notes


@pytest.mark.parametrize("workers", KINDS)
def test_errors_of_worker_init_fn(module, workers):
    options = {"num_workers": 1, "workers": workers, "worker_init_fn": module.broken_init}
    with pytest.raises(OSError, match="no disk for worker 0") as raised:
        list(DataLoader(range(4), **options))
    assert "DataLoader: in worker_init_fn(0)" in raised.value.__notes__


def test_a_killed_worker(module):
    loader = DataLoader(module.Corrupt("kill"), 2, num_workers=2, workers="processes")
    expected = (
        r"worker 0 \(process \d+\) was ended by signal 9 \(SIGKILL\) while it was at the samples "
        r"\[4, 5\]. If the system did that for want of memory, fewer workers"
    )
    with pytest.raises(WorkerError, match=expected):
        list(loader)


@pytest.mark.parametrize("workers", KINDS)
def test_a_batch_that_takes_too_long(module, workers, monkeypatch):
    monkeypatch.setattr("minicnn.data.worker_threads._PATIENCE", 0.1)
    waited = threading.Event()
    data = module.Corrupt("sleep", bad=8)
    if workers == "threads":
        data = [0] * 8 + [waited]
        options = {"collate_fn": lambda samples: samples[0] and samples[0].wait(60)}
    else:
        options = {"multiprocessing_context": get_context("spawn")}
    loader = DataLoader(data, num_workers=1, timeout=1, **options)
    with pytest.raises(WorkerError, match=r"took longer than timeout=1 seconds"):
        list(loader)
    waited.set()


def test_what_cannot_be_pickled_is_named():
    class Local(Dataset):
        def __len__(self):
            return 1

    many = {"num_workers": 1, "workers": "processes"}
    with pytest.raises(WorkerError, match=r"the data set \(Local\) cannot be sent .*'threads'"):
        list(DataLoader(Local(), **many))
    with pytest.raises(WorkerError, match=r"collate_fn cannot be sent to worker processes"):
        list(DataLoader(range(3), collate_fn=lambda samples: samples, **many))
    with pytest.raises(WorkerError, match=r"worker_init_fn cannot be sent"):
        list(DataLoader(range(3), worker_init_fn=lambda number: None, **many))


def script(text, *arguments, **options):
    return subprocess.Popen(
        [sys.executable, *arguments, *([] if arguments else ["-c"]), text],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **options,
    )  # fmt: skip


def test_a_script_without_its_guard_and_a_class_of_no_module(tmp_path):
    path = tmp_path / "script.py"
    path.write_text(
        "from minicnn.data import DataLoader\n"
        "print(list(DataLoader(range(4), num_workers=1, workers='processes')))\n"
    )
    process = subprocess.run([sys.executable, path], capture_output=True, text=True)
    assert process.returncode == 1
    assert process.stderr.splitlines()[-1].startswith("minicnn.data.loading.WorkerError: ")
    assert "before it was ready" in process.stderr and '__name__ == "__main__"' in process.stderr
    text = (
        "from minicnn.data import DataLoader\n"
        "class Data(list): pass\n"
        "print(list(DataLoader(Data([1]), num_workers=1, workers='processes')))\n"
    )
    process = subprocess.run([sys.executable, "-c", text], capture_output=True, text=True)
    assert process.returncode == 1
    assert "Classes and functions of a notebook" in process.stderr


# ---------------------------------------------------------------- how it ends


@pytest.mark.parametrize("workers", KINDS)
def test_workers_end_with_a_loop_that_is_left_and_with_the_loader(module, workers):
    options = {"num_workers": 1, "workers": workers}

    def alive():
        return len(children()) if workers == "processes" else sum(
            "_work" in t.name for t in threading.enumerate()
        )  # fmt: skip

    for _ in DataLoader(range(90), **options):
        assert alive() == 1
        break
    gc.collect()
    assert alive() == 0

    loader = DataLoader(range(4), persistent_workers=True, **options)
    expected = [[0], [1], [2], [3]]
    assert [b.tolist() for b in loader] == expected
    assert alive() == 1
    first = children()
    assert [b.tolist() for b in loader] == expected
    assert children() == first
    # Two loops at once, one of them left early.
    assert [(a.tolist(), b.tolist()) for a, b in zip(loader, loader, strict=True)] == [
        (x, x) for x in expected
    ]
    loader.collate_fn = len
    assert list(loader) == [1, 1, 1, 1]
    del loader
    gc.collect()
    assert alive() == 0


SLOW = """\
import sys, time, multiprocessing
from minicnn.data import DataLoader
def batches():
    return DataLoader(range(100000), 8, num_workers=2, workers=sys.argv[1])
if __name__ == "__main__":
    print([p.pid for p in multiprocessing.active_children()], flush=True)
    for i, batch in enumerate(batches()):
        if i == 3:
            print([p.pid for p in multiprocessing.active_children()], flush=True)
        time.sleep(0.01)
"""


def gone(pid):
    for _ in range(200):
        try:
            state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
        except (OSError, IndexError):
            return True
        if state == "Z":
            return True
        time.sleep(0.05)
    return False


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="looks at processes in /proc")
@pytest.mark.parametrize(
    "workers, sent",
    [("threads", signal.SIGINT), ("processes", signal.SIGINT), ("processes", signal.SIGKILL)],
)
def test_ctrl_c_and_kill_leave_nothing(tmp_path, workers, sent):
    path = tmp_path / "slow.py"
    path.write_text(SLOW)
    process = subprocess.Popen(
        [sys.executable, path, workers],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True,
    )  # fmt: skip
    process.stdout.readline()
    pids = process.stdout.readline().strip("[]\n").split(", ")
    assert len(pids) == (2 if workers == "processes" else 1)
    if sent == signal.SIGINT:
        os.killpg(process.pid, sent)  # as a terminal does: to the workers too
    else:
        process.kill()
    _, errors = process.communicate(timeout=60)
    assert process.returncode == -sent
    if sent == signal.SIGINT:
        assert errors.rstrip().endswith("KeyboardInterrupt")
        assert errors.count("Traceback") == 1 and "leaked" not in errors
    assert all(gone(pid) for pid in pids if pid)


# ---------------------------------------------------------------- the arguments


@pytest.mark.parametrize(
    "options, text",
    [
        ({"num_workers": -1}, "num_workers must be at least 0, got -1"),
        ({"num_workers": 1, "workers": "thread"}, "must be one of 'threads', 'processes'; .*mean"),
        ({"num_workers": 1, "in_order": False}, "in_order=False is not supported, since results"),
        ({"num_workers": 1, "timeout": -1}, "timeout must be a number ≥ 0, got -1"),
        ({"num_workers": 1, "prefetch_factor": 0}, "prefetch_factor must be at least 1, got 0"),
        ({"prefetch_factor": 2}, "prefetch_factor is for workers, and there are none"),
        ({"persistent_workers": True}, "persistent_workers is for workers"),
        ({"timeout": 1}, "timeout is for workers"),
        ({"multiprocessing_context": "spawn"}, "multiprocessing_context is for workers"),
        ({"num_workers": 1, "multiprocessing_context": "fork"}, "compiled kernels do not survive"),
        ({"num_workers": 1, "multiprocessing_context": "spwan"}, "did you mean 'spawn'"),
        (
            {"num_workers": 1, "multiprocessing_context": "spawn", "workers": "threads"},
            "multiprocessing_context is for processes",
        ),
        ({"pin_memory": 1}, "pin_memory must be True or False, got 1"),
        ({"persistent_workers": 1}, "persistent_workers must be True or False, got 1"),
    ],
)
def test_wrong_arguments_for_workers(options, text):
    with pytest.raises(ArgumentError, match=f"DataLoader: .*{text}"):
        DataLoader(range(3), **options)


def test_arguments_without_effect_are_taken():
    options = {"pin_memory": True, "pin_memory_device": "cuda", "worker_init_fn": print}
    assert len(list(DataLoader(range(3), in_order=True, **options))) == 3
