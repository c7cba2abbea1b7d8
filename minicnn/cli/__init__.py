"""The command line, ``python -m minicnn`` or ``minicnn``: arguments in, results out.

Each file of ``commands/`` is a command that registers itself; what it does is done elsewhere in
minicnn.
"""

from minicnn.cli.main import main
