"""Running a command: its exit status, and one line for each thing that may go wrong."""

import os
import sys

from minicnn.cli.command import PROGRAM, Mistake, parse
from minicnn.distributed import complain

INTERRUPTED = 130  # 128 + SIGINT, as shells have it
PIPE_CLOSED = 141  # 128 + SIGPIPE
LONGEST = 600  # characters in the line of a mistake


def main(arguments=None):
    """Run a command line, by default the one Python was started with; returns the exit status.

    A mistake of the user's ends in one line on the standard error and status 1 (2 where the
    arguments make no sense); an interrupted command in 130. Any other exception is a fault of
    minicnn's, and is shown with its traceback.
    """
    arguments = sys.argv[1:] if arguments is None else list(arguments)
    for stream in (sys.stdout, sys.stderr):
        # A terminal that cannot show ─ or × gets a question mark, not an exception.
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")
    where = PROGRAM
    try:
        try:
            options = parse(arguments)
        except Mistake as mistake:
            return _complain(where, mistake, 2)
        status = 0
        if options is not None:
            where = f"{PROGRAM} {options.command}"
            status = options.run(options)
        sys.stdout.flush()
        return status or 0
    except Mistake as mistake:
        return _complain(where, mistake, 1)
    except KeyboardInterrupt:
        return _complain(where, "interrupted", INTERRUPTED)
    except BrokenPipeError:
        # Whoever read the output has enough; what is still waiting goes nowhere, in silence.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return PIPE_CLOSED


def _complain(where, message, status):
    text = "; ".join(line.strip() for line in str(message).splitlines() if line.strip())
    if len(text) > LONGEST:
        text = text[:LONGEST] + " …"
    complain(f"{where}: {text}")
    return status
