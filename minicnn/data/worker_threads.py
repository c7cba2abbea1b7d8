"""Threads that load batches ahead of the program."""

import threading
from collections import deque
from concurrent.futures import Future, wait
from contextvars import copy_context
from queue import SimpleQueue

from minicnn.data.loading import WorkerError, WorkerInfo, become_worker

_PATIENCE = 5  # seconds that a closing pool waits for a thread to finish its batch


class WorkerThreads:
    """A few threads; `run` gives the batches of tasks, in the order of the tasks.

    Args:
        load: makes a batch of a task.
        count: how many threads.
        prefetch_factor: how many batches each has in hand or in stock.
        timeout: seconds that a batch may take; 0: as long as it likes.
        worker_init_fn: called with the number of each thread, in it, before its first batch.
    """

    def __init__(self, load, count, prefetch_factor, timeout, worker_init_fn):
        self._ahead, self._timeout = count * prefetch_factor, timeout
        self._work = SimpleQueue()
        self._threads = []
        for i in range(count):
            info = WorkerInfo(i, count, None, load.dataset)
            arguments = (self._work, load, info, worker_init_fn)
            # Daemons: a data set that hangs does not keep the program from ending.
            self._threads.append(threading.Thread(target=_work, args=arguments, daemon=True))
        for thread in self._threads:
            thread.start()

    def run(self, tasks):
        """The batches, one after another; loads ahead while the program works on one."""
        tasks, waiting = iter(tasks), deque()

        def begin_next():
            for task in tasks:
                future = Future()
                waiting.append((task, future))
                # What is ambient (the kernels, whether gradients are on) holds in the thread too.
                self._work.put((task, future, copy_context()))
                return

        try:
            for _ in range(self._ahead):
                begin_next()
            while waiting:
                task, future = waiting.popleft()
                if not wait([future], self._timeout or None).done:
                    raise WorkerError(
                        f"DataLoader: the samples {task.indices} took longer than "
                        f"timeout={self._timeout:g} seconds"
                    )
                begin_next()
                yield future.result()
        finally:
            for _, future in waiting:
                future.cancel()

    def close(self):
        """End the threads; each finishes the batch it is at."""
        for _ in self._threads:
            self._work.put(None)
        for thread in self._threads:
            if thread is not threading.current_thread():  # where the garbage collector runs
                thread.join(_PATIENCE)


def _work(work, load, info, worker_init_fn):
    """What a thread does until it finds None in the queue."""
    failed = None
    try:
        become_worker(info, worker_init_fn)
    except Exception as error:
        error.add_note(f"DataLoader: in worker_init_fn({info.id})")
        failed = error
    while (item := work.get()) is not None:
        task, future, context = item
        if future.set_running_or_notify_cancel():
            try:
                if failed is not None:
                    raise failed
                future.set_result(context.run(load, task))
            except BaseException as error:
                future.set_exception(error)
        del item, task, future, context  # a thread that waits holds no batch
