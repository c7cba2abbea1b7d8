"""One command a file; `minicnn.cli.command.commands` finds them."""
