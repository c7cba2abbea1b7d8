"""The script that a student's process runs: loads one file, answers calls of its functions.

It is started by path, without minicnn; on its standard input come messages (see wire.py), on its
standard output go answers. What the student's code prints goes to standard error.
"""

import faulthandler
import importlib.abc
import importlib.util
import inspect
import json
import os
import sys
import traceback

FORBIDDEN = ("minicnn", "torch", "tensorflow", "jax", "autograd")


class Forbidden(importlib.abc.MetaPathFinder):
    """Keeps what would solve the exercises from being imported: a deterrent, no wall."""

    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in FORBIDDEN:
            raise ImportError(f"the exercises are written with NumPy alone: no {name} here")
        return None


def limit(seconds, memory, file_size):
    """Limits that hold for this process and its children, where the system knows them."""
    try:
        import resource
    except ImportError:  # Windows
        return
    for what, amount in (
        ("RLIMIT_CPU", seconds),
        ("RLIMIT_AS", memory),
        ("RLIMIT_FSIZE", file_size),
        ("RLIMIT_CORE", 0),
    ):
        try:
            _, hard = resource.getrlimit(getattr(resource, what))
            amount = amount if hard == resource.RLIM_INFINITY else min(amount, hard)
            resource.setrlimit(getattr(resource, what), (amount, amount))
        except (ValueError, OSError, AttributeError):
            pass  # macOS refuses RLIMIT_AS


def load_file(name, path):
    spec = importlib.util.spec_from_file_location(name, path)
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


def told(error, path):
    """What an exception was: its type, text, and the last line of the student's file in it."""
    line = None
    for frame, at in traceback.walk_tb(error.__traceback__):
        if frame.f_code.co_filename == path:
            line = at
    if isinstance(error, SyntaxError) and error.filename == path:
        line = error.lineno
    try:
        text = str(error)
    except BaseException:
        text = "(an error without text)"
    return {
        "type": type(error).__name__,
        "memory": isinstance(error, MemoryError),
        "exit": isinstance(error, SystemExit),
        "missing": isinstance(error, NotImplementedError),
        "text": text[:500],
        "line": line,
    }


class Answers:
    """Reads messages, answers them, and asks the grader to compute a `Call`."""

    def __init__(self, wire, source, sink, largest):
        self.wire, self.source, self.sink, self.largest = wire, source, sink, largest

    def receive(self):
        body = self.wire.read_message(self.source, self.largest)
        if body is None:
            os._exit(0)  # the grader has gone
        return self.wire.unpack(body)

    def send(self, message):
        self.sink.write(self.wire.pack(message))
        self.sink.flush()

    def remote(self, name):
        def function(*arguments):
            self.send({"call": name, "arguments": list(arguments)})
            answer = self.receive()
            if "error" in answer:
                raise ValueError(f"{name}: {answer['error']}")
            return answer["value"]

        function.__name__ = name
        return function

    def run(self, function, names, arguments):
        """Call `function`; tell its result and which arguments it changed."""
        given = dict(zip(names, arguments, strict=True))
        before = {name: self.wire.pack(value) for name, value in given.items()}
        result = function(*[self.remote(n) if n in self.calls else a for n, a in given.items()])
        changed = [name for name, value in given.items() if self.wire.pack(value) != before[name]]
        return {"value": result, "changed": changed}


def described(function):
    """Whether it can be called; the names of its arguments, where they can be told."""
    try:
        found = inspect.signature(function).parameters.values()
        if any(p.kind in (p.VAR_POSITIONAL, p.KEYWORD_ONLY) for p in found):
            found = None
    except (TypeError, ValueError):
        found = None
    names = None if found is None else [p.name for p in found if p.kind != p.VAR_KEYWORD]
    return {"callable": callable(function), "arguments": names}


def main():
    options = json.loads(sys.argv[1])
    path = options["path"]
    # The messages keep the pipes; the student's code gets an empty input, and standard error.
    source = os.fdopen(os.dup(0), "rb")
    sink = os.fdopen(os.dup(1), "wb")
    # On standard error, too, but where the student's code cannot close it by accident.
    faults = os.fdopen(os.dup(2), "wb")
    nowhere = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nowhere, 0)
    os.dup2(2, 1)
    sys.stdout.reconfigure(line_buffering=True)  # nothing is lost when the process is killed
    here = os.path.dirname(os.path.abspath(__file__))
    wire = load_file("_wire", os.path.join(here, "wire.py"))  # NumPy comes with it
    del sys.modules["_wire"]
    limit(options["cpu_seconds"], options["memory"], options["file_size"])
    faulthandler.enable(faults)
    sys.meta_path.insert(0, Forbidden())
    sys.path.insert(0, os.path.dirname(path))
    sys.dont_write_bytecode = True
    os.chdir(os.path.dirname(path))
    answers = Answers(wire, source, sink, options["largest"])
    answers.send({"ready": os.getpid()})
    answers.receive()  # the clock runs from here
    faulthandler.dump_traceback_later(options["stack_after"], file=faults)
    try:
        module = load_file(os.path.splitext(os.path.basename(path))[0], path)
        functions = {n: getattr(module, n, None) for n in options["functions"]}
        answers.send({"functions": {n: described(f) for n, f in functions.items()}})
    except BaseException as error:
        answers.send({"error": told(error, path)})
        return
    while True:
        message = answers.receive()
        answers.calls = message["calls"]
        try:
            answer = answers.run(
                functions[message["function"]], message["names"], message["arguments"]
            )
            answer = wire.pack(answer)
        except wire.WireError as error:
            answer = wire.pack({"unsendable": str(error)})
        except BaseException as error:
            answer = wire.pack({"error": told(error, path)})
        sink.write(answer)
        sink.flush()


if __name__ == "__main__":
    main()
