"""Where the ``cnnlab`` command starts: a TAB is answered without what other commands load."""

import sys


def main() -> None:
    """Answer a TAB, or run the command."""
    if sys.argv[1:2] == ["complete"]:
        from cnnlab.app.completion import answer

        answer(sys.argv[2:])
    else:
        from cnnlab.app.cli import main as run_command

        run_command()
