"""Where in the user's program an operation ran, and inside which modules."""

import linecache
import os
import sys
from pathlib import Path

from minicnn.nn.module import Module
from minicnn.tracing.steps import Source

_PACKAGE = str(Path(__file__).parents[1]) + os.sep
# The networks are written as a user's would be, and their lines are what a learner looks for.
_MODELS = _PACKAGE + "models" + os.sep
# What called the command line is nobody's program: a script of three lines that pip wrote.
_COMMANDS = _PACKAGE + "cli" + os.sep
_CALL = Module.__call__.__code__


def whereabouts():
    """The line that runs at this moment, and the modules around it, the innermost first.

    The line is the innermost one that is not part of minicnn, its networks excepted; None where a
    command of minicnn's ran the operation itself, such as the loss of ``minicnn step``. The modules
    are read off the stack, so nothing has to be undone when a forward ends in an exception.
    """
    frame, source, modules = sys._getframe(1), None, []
    while frame is not None:
        if frame.f_code is _CALL:
            modules.append(frame.f_locals["self"])
        elif source is None:
            file = frame.f_code.co_filename
            if file.startswith(_COMMANDS):
                break
            if not file.startswith(_PACKAGE) or file.startswith(_MODELS):
                text = linecache.getline(file, frame.f_lineno, frame.f_globals).strip()
                source = Source(file, frame.f_lineno, text)
        frame = frame.f_back
    return source, modules
