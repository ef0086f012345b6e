"""Where ``cnnlab bench`` puts what it has measured: a table, a JSON file and a picture."""

import contextlib
import json
import math
import os
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

from cnnlab.app.written_picture import output_file, write_picture
from cnnlab.registry import CnnlabError
from cnnlab.runs.durable import write_text
from cnnlab.runs.read_file import reason
from cnnlab.runs.state import RunState
from cnnlab.text import first_line

if TYPE_CHECKING:
    from matplotlib.figure import Figure

STANDARD_OUTPUT = "-"


class MeasurementError(CnnlabError):
    """No mistake in the command: it cannot be measured on this machine."""

    exit_code = 1


@contextlib.contextmanager
def out_of_memory_in_a_line() -> Iterator[None]:
    """For measurements.

    Raises:
        MeasurementError: there is not enough memory for them.
    """
    try:
        yield
    except (RuntimeError, MemoryError) as error:
        from cnnlab.sweep.execute import final_state

        if final_state(error) is not RunState.OUT_OF_MEMORY:
            raise
        raise MeasurementError(f"out of memory: {first_line(error)}") from error


@dataclass(frozen=True)
class Output:
    """The places that the command line names.

    Attributes:
        json: a file, ``-`` for the standard output, or None.
        plot: a PNG file, or None.
    """

    json: str | None
    plot: Path | None

    @classmethod
    def of(cls, json_file: str | None, plot: str | None) -> "Output":
        """The places, checked before anything is measured.

        Raises:
            CnnlabError: a file cannot be written there.
        """
        if json_file is not None and json_file != STANDARD_OUTPUT:
            path = Path(os.path.expanduser(json_file))
            if not json_file or path.is_dir() or not path.parent.is_dir():
                why = "a folder" if path.is_dir() else "in no folder"
                raise CnnlabError(f"--json {json_file}: this is {why}; give a file, or -")
            _refuse_read_only(f"--json {json_file}", path.parent)
        picture = None if plot is None else output_file(plot, Path("bench.png"), ".png", "--plot")
        if picture is not None:
            _refuse_read_only(f"--plot {plot}", picture.parent)
        return cls(json_file, picture)

    @property
    def stream(self) -> TextIO:
        """Where tables go: the standard output, unless the numbers are written there."""
        return sys.stderr if self.json == STANDARD_OUTPUT else sys.stdout

    def print(self, *lines: Any) -> None:
        """Print tables and lines; without a terminal they are never wrapped."""
        from cnnlab.terminal import console

        shown = console(self.stream)
        for line in lines:
            shown.print(line, markup=False) if isinstance(line, str) else shown.print(line)

    def write(self, found: Mapping[str, Any], draw: Callable[[], "Figure"]) -> None:
        """Write what the command line wants to have written, and say where it is.

        Raises:
            CnnlabError: a file cannot be written.
        """
        text = json.dumps(_without_nan(found), indent=1, allow_nan=False)
        if self.json == STANDARD_OUTPUT:
            print(text)
        elif self.json is not None:
            path = Path(os.path.expanduser(self.json))
            try:
                write_text(path, text + "\n")
            except OSError as error:
                raise CnnlabError(f"--json {path}: {reason(error)}") from error
            print(path, file=self.stream)
        if self.plot is not None:
            write_picture(draw(), self.plot, show=False, flag="--plot")
            print(self.plot, file=self.stream)


def _refuse_read_only(flag: str, folder: Path) -> None:
    """Refuse a folder, or the one in which it would be made, where no file can be written.

    Raises:
        CnnlabError: it cannot be written to.
    """
    folder = next(place for place in (folder, *folder.absolute().parents) if place.is_dir())
    if not os.access(folder, os.W_OK):
        raise CnnlabError(f"{flag}: the folder {folder} cannot be written to")


def _without_nan(found: Any) -> Any:
    """The same for JSON, which has no word for a number that is not finite: null."""
    if isinstance(found, Mapping):
        return {key: _without_nan(value) for key, value in found.items()}
    if isinstance(found, list | tuple):
        return [_without_nan(value) for value in found]
    return None if isinstance(found, float) and not math.isfinite(found) else found


def say(line: str) -> None:
    """A line of progress."""
    print(line, file=sys.stderr, flush=True)
