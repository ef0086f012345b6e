"""Where the ``cnnlab`` command starts: a TAB is answered without what other commands load.

The answer comes from a cache of names. What is imported on the way to it counts at every TAB.
"""

import itertools
import os
import sys
from collections.abc import Sequence


def main() -> None:
    """Answer a TAB, or run the command."""
    if sys.argv[1:2] == ["complete"]:
        _complete(sys.argv[2:])
    else:
        if {"RANK", "SLURM_PROCID"} & os.environ.keys():
            # Before torch loads: it warns of find_unused_parameters, as in training/processes.py.
            os.environ.setdefault("TORCH_CPP_LOG_LEVEL", "ERROR")
        from cnnlab.app.cli import main as run_command

        run_command()


def _complete(words: Sequence[str]) -> None:
    """Print what the last of the words behind ``cnnlab`` can become, one candidate a line."""
    from cnnlab.app.candidates import candidates
    from cnnlab.app.name_cache import load_names

    typed = [word.strip("'\"") for word in (words[1:] if words[:1] == ["--"] else words)]
    print("\n".join(candidates(typed, load_names(modules_named(typed[:-1])))))


def modules_named(words: Sequence[str]) -> list[str]:
    """The modules that finished words name: ``--import MODULE``, ``--import=MODULE``."""
    named = [module for flag, module in itertools.pairwise(words) if flag == "--import"]
    return named + [w.partition("=")[2] for w in words if w.startswith("--import=")]
