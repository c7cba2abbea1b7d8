"""A student's process as the grader sees it: load a file, call functions, say how it ended."""

import contextlib
import json
import os
import queue
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import dataclass
from pathlib import Path

from minicnn.courses.isolation import wire

HERE = Path(__file__).parent
STARTING = 60.0  # seconds for Python and NumPy to start; not counted against the student
ENDING = 8.0
SLICE = 0.5
KEPT = 64 * 1024  # bytes of what was printed


@dataclass(frozen=True)
class Limits:
    """What a student's process may use.

    Attributes:
        seconds: of wall time, for an exercise; None: as the exercise says.
        memory: bytes of address space, where the system enforces it.
        output: bytes that may be printed.
        file_size: bytes of the largest file.
        message: bytes of the largest answer.
        python: the interpreter that runs it, with NumPy; None: the grader's own.
    """

    seconds: float | None = None
    memory: int = 2 << 30
    output: int = 8 << 20
    file_size: int = 64 << 20
    message: int = 32 << 20
    python: str | None = None


class Ended(Exception):
    """The student's process is no more, before all was answered: `verdict` says in a word why."""

    def __init__(self, verdict, text):
        super().__init__(text)
        self.verdict = verdict


class Student:
    """One file of a submission, loaded in a fresh process; a context manager.

    Args:
        files: the submission, {name: bytes}; it is written to a folder of the process's own.
        name: which of them to load.
        functions: names of functions expected in it.
        seconds: of wall time.
        limits: `Limits`.

    After `load`, `call` may be used; both raise `Ended`.
    """

    def __init__(self, files, name, functions, seconds, limits):
        self.files, self.name, self.functions = files, name, list(functions)
        self.seconds, self.limits = seconds, limits
        self.head, self.tail, self.printed = b"", b"", 0
        self.messages = queue.Queue(maxsize=4)
        self.stopping = threading.Event()
        self.group = self.code = None

    def __enter__(self):
        self.folder = Path(tempfile.mkdtemp(prefix="minicnn-grade-"))
        try:
            for name, data in self.files.items():
                (self.folder / name).write_bytes(data)
            self._start()
        except BaseException:
            shutil.rmtree(self.folder, ignore_errors=True)
            raise
        return self

    def __exit__(self, *_):
        self._stop()
        shutil.rmtree(self.folder, ignore_errors=True)

    # ------------------------------------------------------------------------ starting, ending

    def _start(self):
        options = {
            "path": str(self.folder / self.name),
            "functions": self.functions,
            # CPU time is for what the wall clock does not see, such as several threads.
            "cpu_seconds": int(2 * self.seconds) + 10,
            "memory": self.limits.memory,
            "file_size": self.limits.file_size,
            "largest": self.limits.message,
            "stack_after": 0.9 * self.seconds,
        }
        python = self.limits.python or sys.executable
        command = [python, "-I", "-B", "-X", "utf8", str(HERE / "student.py"), json.dumps(options)]
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        self.status = None
        if os.name == "posix":
            self.status, theirs = os.pipe()
            warden = [sys.executable, "-I", "-S", str(HERE / "warden.py"), str(theirs)]
            command = [*warden, *command]
            pipes |= {"pass_fds": (theirs,), "start_new_session": True}
        else:
            pipes |= {"creationflags": subprocess.CREATE_NEW_PROCESS_GROUP}
        self.process = subprocess.Popen(
            command, env=_environment(self.folder), cwd=self.folder, **pipes
        )
        if self.status is not None:
            os.close(theirs)
        self.threads = [
            threading.Thread(target=self._read_messages, daemon=True),
            threading.Thread(target=self._read_output, daemon=True),
        ]
        for thread in self.threads:
            thread.start()

    def _stop(self):
        """End the process and all it started; how it ended: a return code, None if not known."""
        if self.stopping.is_set():
            return self.code
        self.stopping.set()
        if self.status is None:
            self.process.kill()
            self.code = self.process.wait()
        else:
            with contextlib.suppress(OSError):
                self.process.terminate()
            try:
                self.process.wait(ENDING)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
            os.set_blocking(self.status, False)
            with contextlib.suppress(OSError, ValueError):
                self.code = int(os.read(self.status, 32))
            os.close(self.status)
            if self.code is None and self.group:
                # The warden was killed, and what it should have ended may be left.
                with contextlib.suppress(OSError):
                    os.killpg(self.group, signal.SIGKILL)
        with contextlib.suppress(OSError):
            self.process.stdin.close()
        while not self.messages.empty():
            self.messages.get_nowait()
        for thread, stream in zip(
            self.threads, (self.process.stdout, self.process.stderr), strict=True
        ):
            thread.join(1.0)
            # Whoever escaped may hold the other end; a reader that still waits keeps its file.
            if not thread.is_alive():
                stream.close()
        return self.code

    def _ended_by_itself(self):
        """Wait for a process that closed its pipe, and say how it ended."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(min(2.0, self._left()))
        killed = self.process.poll() is None
        code = self._stop()
        line = self._last_line()
        if killed or code is None:
            return Ended("exited", "the process no longer answers; it closed its pipes or was cut")
        if code >= 0:
            return Ended(
                "exited",
                f"the process ended itself with status {code} before it answered{line}; a function "
                "returns its result and leaves exit, sys.exit and os._exit alone",
            )
        name = _signal(-code)
        if name == "SIGXCPU":
            return self._timeout()
        if name == "SIGKILL":
            return Ended("killed", f"the process was killed (SIGKILL): lack of memory?{line}")
        return Ended("crashed", f"the process crashed ({name}){line}")

    # ----------------------------------------------------------------------------- reading

    def _read_messages(self):
        stream = self.process.stdout
        try:
            while not self.stopping.is_set():
                body = wire.read_message(stream, self.limits.message)
                self._put(("message", body) if body is not None else ("end", None))
                if body is None:
                    return
        except (OSError, ValueError, wire.WireError) as error:
            self._put(("broken", str(error)))

    def _put(self, item):
        # A process that sends without being asked waits; a stopping grader does not.
        while not self.stopping.is_set():
            try:
                return self.messages.put(item, timeout=0.2)
            except queue.Full:
                pass

    def _read_output(self):
        stream = self.process.stderr
        with contextlib.suppress(OSError, ValueError):
            while data := os.read(stream.fileno(), 1 << 16):
                self.printed += len(data)
                self.head += data[: KEPT - len(self.head)]
                self.tail = (self.tail + data)[-KEPT:]
                if self.printed > self.limits.output:
                    return self._put(("output", None))

    def _allow(self, seconds):
        self.allowed, self.until = seconds, time.monotonic() + seconds

    def _next(self):
        """What comes next from the process; `queue.Empty` where its time is over.

        Time in which the grader itself was stopped (Ctrl-Z, a suspended machine) does not count.
        """
        while True:
            asked, started = min(self._left(), SLICE), time.monotonic()
            try:
                return self.messages.get(timeout=asked)
            except queue.Empty:
                late = time.monotonic() - started - asked
                if late > SLICE:
                    self.until += late
                if not self._left():
                    raise

    def _left(self):
        return max(0.0, self.until - time.monotonic())

    def _receive(self):
        try:
            kind, found = self._next()
        except queue.Empty:
            raise self._timeout() from None
        if kind == "end":
            raise self._ended_by_itself()
        if kind == "output":
            self._stop()
            size = self.limits.output / (1 << 20)
            raise Ended("printed too much", f"more than {size:g} MiB were printed")
        try:
            if kind == "broken":
                raise wire.WireError(found)
            message = wire.unpack(found)
            if not isinstance(message, dict):
                raise wire.WireError("bytes that are no message")
        except wire.WireError as error:
            self._stop()
            raise Ended("exited", f"the process sent {error}") from None
        return message

    def _send(self, message):
        # A process that does not read would block a large write for ever: a thread waits for it.
        data, done = wire.pack(message), threading.Event()

        def write():
            with contextlib.suppress(OSError, ValueError):
                self.process.stdin.write(data)
                self.process.stdin.flush()
            done.set()

        threading.Thread(target=write, daemon=True).start()
        if not done.wait(self._left()):
            raise self._timeout()

    def _timeout(self):
        self._stop()
        return Ended("timeout", f"stopped after {self.allowed:g} s{self._last_line()}")

    def _last_line(self):
        """Where in the student's file the process last was, from the stack that faulthandler
        printed."""
        text = self.tail.decode("utf-8", "replace")
        text = text[max(text.rfind("most recent call first"), 0) :]
        found = re.search(rf'{re.escape(self.name)}", line (\d+) in (\S+)', text)
        return f", in {found.group(2)}, line {found.group(1)} of {self.name}" if found else ""

    # --------------------------------------------------------------------------- what it can do

    def load(self):
        """Load the file: the answer of student.py, with "functions" or "error"."""
        self._allow(STARTING)
        try:
            self.group = self._receive()["ready"]
        except Ended as ended:
            last = self.output().strip().splitlines()[-1:]
            raise OSError("; ".join([f"Python did not start: {ended}", *last])) from ended
        self._allow(self.seconds)
        self._send({"go": True})
        return self._receive()

    def call(self, function, arguments, calls):
        """Call one of the functions.

        Args:
            function: its name.
            arguments: {name: value}, in order.
            calls: {name: function}, the arguments that the grader computes.

        Returns:
            {"value", "changed"}, {"error"} or {"unsendable"}, as student.py says.
        """
        values = [None if n in calls else v for n, v in arguments.items()]
        self._send(
            {"function": function, "names": list(arguments), "arguments": values,
             "calls": list(calls)}
        )  # fmt: skip
        while "call" in (message := self._receive()):
            self._send(_computed(calls, message))
        return message

    def output(self):
        """The first of what it printed, as text, without stacks of ours."""
        return self.head.decode("utf-8", "replace")


def _computed(calls, message):
    """The answer to a student who calls a function of ours, perhaps with nonsense."""
    try:
        function = calls[message["call"]]
        return {"value": function(*message["arguments"])}
    except Exception as error:
        return {"error": f"{type(error).__name__}: {error}"[:500]}


def _signal(number):
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


def _environment(folder):
    """Little of the grader's environment: it may hold what is none of a student's business."""
    kept = ("PATH", "SYSTEMROOT", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH")
    found = {name: os.environ[name] for name in kept if name in os.environ}
    threads = ("OPENBLAS", "OMP", "MKL", "VECLIB_MAXIMUM")
    found |= {f"{name}_NUM_THREADS": "1" for name in threads}
    return found | {name: str(folder) for name in ("HOME", "TMPDIR", "TEMP", "TMP")}
