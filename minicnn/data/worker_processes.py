"""Processes that load batches ahead of the program; arrays come back through shared memory.

Each worker has a pipe and `prefetch_factor` places in shared memory. The program sends it tasks,
each with the place for its batch; tasks go to the workers in turn, and each worker does its own in
order, so the program knows whose turn it is and nothing needs to be sorted. A place is free again
when its batch has been copied out of it.
"""

import contextlib
import multiprocessing
import pickle
import random
import signal
import time
import traceback
from collections import deque
from multiprocessing.connection import wait
from multiprocessing.shared_memory import SharedMemory

import numpy as np

from minicnn.data.loading import WorkerError, WorkerInfo, become_worker
from minicnn.kernels.threads import set_num_threads
from minicnn.random import manual_seed

_ALIGNMENT = 64  # bytes; what vector instructions like
_PATIENCE = 2  # seconds that a closing pool waits before it uses force
_LONGEST = 20_000  # characters of a traceback


class WorkerProcesses:
    """A few processes; `run` gives the batches of tasks, in the order of the tasks.

    Args:
        load: makes a batch of a task; it is pickled.
        count: how many processes.
        prefetch_factor: how many batches each has in hand or in stock.
        timeout: seconds that a batch may take; 0: as long as it likes.
        worker_init_fn: called with the number of each process, in it, before its first batch.
        context: a context of `multiprocessing` that does not fork.
        seed: each worker's generators start from ``seed + its number``.

    Raises:
        WorkerError: something cannot be pickled, or a process could not be started.
    """

    def __init__(self, load, count, prefetch_factor, timeout, worker_init_fn, context, seed):
        self._timeout, self._places = timeout, prefetch_factor
        content = _pickled(load, worker_init_fn)
        self._workers = []
        try:
            # First all of them, so that they start at the same time; then what each needs.
            for i in range(count):
                self._workers.append(_Worker(context, i, count, seed, self._places))
            for worker in self._workers:
                worker.send_bytes(content)
        except BaseException:
            self.close()
            raise

    def run(self, tasks):
        """The batches, one after another; loads ahead while the program works on one."""
        tasks, sent = enumerate(tasks), deque()

        def send_next():
            for n, task in tasks:
                turn, which = divmod(n, len(self._workers))
                worker, place = self._workers[which], turn % self._places
                sent.append((worker, place, task))
                worker.send((place, task))
                return

        for _ in range(len(self._workers) * self._places):
            send_next()
        while sent:
            worker, place, task = sent.popleft()
            batch = worker.receive(place, task, self._timeout)
            send_next()
            yield batch

    def close(self):
        """End the processes, by force where they do not end by themselves."""
        for worker in self._workers:
            worker.stop()
        patience = time.monotonic() + _PATIENCE
        for worker in self._workers:
            worker.finish(max(patience - time.monotonic(), 0))
        self._workers = []


def _pickled(load, worker_init_fn):
    """What workers need, as bytes; an error that says which part cannot be pickled."""
    parts = {
        f"the data set ({type(load.dataset).__name__})": load.dataset,
        "collate_fn": load.collate_fn,
        "worker_init_fn": worker_init_fn,
    }
    for name, part in parts.items():
        try:
            pickle.dumps(part, 5, buffer_callback=lambda _: None)
        except Exception as error:
            raise WorkerError(
                f"DataLoader: {name} cannot be sent to worker processes: {error}. Define classes "
                "and functions at the top of a module, not inside others, and no lambdas; open "
                "files when the first sample is asked for. Or use workers='threads', which takes "
                "everything"
            ) from error
    return pickle.dumps((load, worker_init_fn), 5)


class _Worker:
    """The program's side of one process."""

    def __init__(self, context, number, count, seed, places):
        self.number = number
        self.ready = False  # has it answered yet?
        self.memory = [None] * places
        self.connection, theirs = context.Pipe()
        arguments = (theirs, number, count, seed + number)
        self.process = context.Process(target=_work, args=arguments, daemon=True)
        try:
            with _without_interrupts():
                self.process.start()
        finally:
            theirs.close()

    def send(self, message):
        self.send_bytes(pickle.dumps(message))

    def send_bytes(self, content):
        # A process that has ended takes no messages; `receive` says what became of it.
        with contextlib.suppress(BrokenPipeError, ConnectionError):
            self.connection.send_bytes(content)

    def receive(self, place, task, timeout):
        """The batch of `task`, out of its place in shared memory."""
        kind, value = self._message(task, timeout)
        if kind == "room":  # the batch does not fit into the place: a larger one
            self._forget(place)
            self.memory[place] = SharedMemory(create=True, size=value)
            self.send(("memory", self.memory[place].name))
            kind, value = self._message(task, timeout)
            # Without its name it lives as long as the two processes look at it, and no longer.
            self.memory[place].unlink()
        content, *buffers = _copies(self.memory[place].buf, value)
        result = pickle.loads(content, buffers=buffers)
        if kind == "error":
            raise result
        return result

    def _message(self, task, timeout):
        ready = wait([self.connection, self.process.sentinel], timeout or None)
        if not ready:
            raise WorkerError(
                f"DataLoader: worker {self.number} (process {self.process.pid}) took longer than "
                f"timeout={timeout:g} seconds for the samples {task.indices}"
            )
        try:
            # It may have ended after its answer, so what is in the pipe comes first.
            if self.connection in ready or self.connection.poll():
                message = pickle.loads(self.connection.recv_bytes())
                self.ready = True
                return message
        except (EOFError, ConnectionError):
            pass
        raise WorkerError(self._obituary(task))

    def _obituary(self, task):
        self.process.join(_PATIENCE)
        code = self.process.exitcode
        how, advice = f"ended with exit status {code}", ""
        if code is not None and code < 0:
            how = f"was ended by signal {-code} ({signal.Signals(-code).name})"
            if -code == getattr(signal, "SIGKILL", None):
                advice = (
                    ". If the system did that for want of memory, fewer workers, smaller batches "
                    "or a smaller prefetch_factor need less"
                )
        elif not self.ready:
            advice = (
                " before it was ready; what it said is above. A process runs the main script "
                'again: let the script begin its work under `if __name__ == "__main__":`, or use '
                "workers='threads'"
            )
        return (
            f"DataLoader: worker {self.number} (process {self.process.pid}) {how} while it was at "
            f"the samples {task.indices}{advice}"
        )

    def _forget(self, place):
        if self.memory[place] is not None:
            self.memory[place].close()
            self.memory[place] = None

    def stop(self):
        # Closed, the pipe tells it to end; and so it does if the program is killed.
        self.connection.close()

    def finish(self, patience):
        self.process.join(patience)
        if self.process.is_alive():
            self.process.terminate()
            self.process.join(_PATIENCE)
        if self.process.is_alive():
            self.process.kill()
            self.process.join()
        self.process.close()
        for place, memory in enumerate(self.memory):
            if memory is not None:
                with contextlib.suppress(FileNotFoundError):  # it has no name any more
                    memory.unlink()
                self._forget(place)


@contextlib.contextmanager
def _without_interrupts():
    """A process started inside never gets Ctrl-C, which is the program's to answer."""
    if not hasattr(signal, "pthread_sigmask"):  # Windows
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _ends(sizes):
    """Where the parts begin and end that lie one after the other, aligned."""
    start = 0
    for size in sizes:
        yield start, start + size
        start += -(-size // _ALIGNMENT) * _ALIGNMENT


def _copies(memory, sizes):
    """The parts as arrays of bytes of their own."""
    return [np.frombuffer(memory, np.uint8, b - a, a).copy() for a, b in _ends(sizes)]


# ---------------------------------------------------------------- the worker's side


def _work(connection, number, count, seed):
    """What a process does until its pipe is closed."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    set_num_threads(1)  # the workers share the cores
    try:
        with contextlib.suppress(EOFError, ConnectionError):
            _Desk(connection, number, count, seed).work()
    finally:
        connection.close()


class _Desk:
    """The connection, the places in shared memory, and messages that came before their turn."""

    def __init__(self, connection, number, count, seed):
        self.connection, self.memory, self.early = connection, {}, deque()
        self.load, self.failed = None, None
        content = connection.recv_bytes()
        try:
            self.load, worker_init_fn = pickle.loads(content)
        except Exception as error:
            error.add_note(
                "DataLoader: while the data set was unpickled in a worker process. Classes and "
                "functions of a notebook, or of python -c, are not known there: put them into a "
                "module, or use workers='threads'"
            )
            self.failed = error
            return
        for generator in (random.seed, manual_seed):
            generator(seed)
        np.random.seed(seed % 2**32)
        try:
            become_worker(WorkerInfo(number, count, seed, self.load.dataset), worker_init_fn)
        except Exception as error:
            error.add_note(f"DataLoader: in worker_init_fn({number})")
            self.failed = error

    def work(self):
        while True:
            place, task = self.early.popleft() if self.early else self._message()
            kind, parts = "batch", []
            try:
                if self.failed is not None:
                    raise self.failed
                # Out of band, as pickle calls it: arrays come as buffers beside the rest.
                content = pickle.dumps(self.load(task), 5, buffer_callback=parts.append)
                parts = [memoryview(content), *(part.raw() for part in parts)]
            except Exception as error:
                kind, parts = "error", [memoryview(_portable(error))]
            sizes = [part.nbytes for part in parts]
            memory = self._memory(place, sizes)
            for part, (a, b) in zip(parts, _ends(sizes), strict=True):
                memory.buf[a:b] = part
            del parts  # the batch, while the next one is made
            self.connection.send_bytes(pickle.dumps((kind, sizes)))

    def _message(self):
        return pickle.loads(self.connection.recv_bytes())

    def _memory(self, place, sizes):
        """The place in shared memory, large enough for parts of these sizes."""
        *_, (start, _) = _ends([*sizes, 0])
        memory = self.memory.get(place)
        if memory is None or memory.size < start:
            if memory is not None:
                memory.close()
            # A quarter more, so that a batch that is a little larger does not need another.
            self.connection.send_bytes(pickle.dumps(("room", start + start // 4)))
            while (message := self._message())[0] != "memory":
                self.early.append(message)
            memory = self.memory[place] = SharedMemory(message[1])
        return memory


def _portable(error):
    """The exception pickled, with its traceback as a note; another one where it cannot be."""
    pid = multiprocessing.current_process().pid
    text = "".join(traceback.format_exception(error))[-_LONGEST:]
    note = f"In a worker process ({pid}):\n{text}"
    try:
        error.add_note(note)
        content = pickle.dumps(error)
        pickle.loads(content)  # an __init__ of its own may need what is not there any more
        return content
    except Exception:
        changed = WorkerError(f"{type(error).__name__}: {error}")
        for line in getattr(error, "__notes__", [note]):
            changed.add_note(line)
        return pickle.dumps(changed)
