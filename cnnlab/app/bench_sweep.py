"""``cnnlab bench --sweep``: a row for each of several configurations, each in its own process.

A process of its own has the whole memory and the defaults of torch, and one that dies, killed for
its memory, ends no table.
"""

import json
import signal
import subprocess
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

from hydra.core.override_parser.types import Override

from cnnlab.app.bench_output import Output, say
from cnnlab.app.command import read_command
from cnnlab.app.grid import expand_grid
from cnnlab.bench.report import Report
from cnnlab.registry import CnnlabError
from cnnlab.text import first_line

if TYPE_CHECKING:
    from matplotlib.figure import Figure

MAX_CELLS = 200  # each takes seconds
COMMAND = (sys.executable, "-m", "cnnlab")


def run_bench_sweep(
    words: Sequence[str], imports: Sequence[str], *, rounds: int, seconds: float, output: Output
) -> bool:
    """Measure one after another, then print and write; whether all could be measured.

    Raises:
        CnnlabError: a configuration is refused; nothing was measured.
    """
    rows: list[tuple[str, Report | str]] = []
    cells = read_cells(words)
    options = ["--rounds", str(rounds), "--seconds", str(seconds)]
    options += [word for module in imports for word in ("--import", module)]
    for number, (name, cell) in enumerate(cells, 1):
        say(f"{number}/{len(cells)} {name}")
        found = measure_cell([*options, *cell])
        rows.append((name, found))
        if isinstance(found, Report):
            train = found.train
            say(f"  {train.median:,.0f} images/s ({train.low:,.0f} to {train.high:,.0f})")
        else:
            say(f"  {found}")
    from cnnlab.bench.tables import failures, footer, sweep_tables

    reports = [(name, report) for name, report in rows if isinstance(report, Report)]
    output.print(*sweep_tables(rows), *failures(rows))
    if reports:
        output.print(footer(reports[0][1]))
    found_rows = [
        {"name": name, **(r.to_dict() if isinstance(r, Report) else {"failed": r})}
        for name, r in rows
    ]

    def draw() -> "Figure":
        from cnnlab.bench.figure import speed_figure

        return speed_figure(reports, "cnnlab bench --sweep")

    if not reports:  # nothing to draw
        output = Output(output.json, None)
    output.write({"words": list(words), "rows": found_rows}, draw)
    return len(reports) == len(rows)


def read_cells(words: Sequence[str]) -> list[tuple[str, list[str]]]:
    """Each configuration of a grid, checked: what it is called, and the words that make it.

    Raises:
        CnnlabError: a configuration is refused, there is one only, or there are too many.
    """
    command = read_command(words, multirun=True)
    for override in command.hydra_overrides:
        raise CnnlabError(f"{override.input_line}: bench measures one configuration at a time")
    swept = {o.get_key_element() for o in command.overrides if o.is_sweep_override()}
    if not swept:
        raise CnnlabError("--sweep needs an option with several values: model=mlp,lenet5")
    grid = expand_grid(command)
    if len(grid) > MAX_CELLS:
        raise CnnlabError(f"--sweep: {len(grid):,} configurations; at most {MAX_CELLS}")
    for overrides in grid:
        command.make_job(overrides)
    return [(_name(overrides, swept), _words(overrides)) for overrides in grid]


def _name(overrides: Sequence[Override], swept: set[str]) -> str:
    """``mlp batch_size=64``: what differs, without the keys that need not be said."""
    words = [str(o.input_line) for o in overrides if o.get_key_element() in swept]
    return " ".join(word.removeprefix("model=") for word in words)


def _words(overrides: Sequence[Override]) -> list[str]:
    return [str(o.input_line) for o in overrides if o.key_or_group != "sweep.name"]


def measure_cell(words: Sequence[str]) -> Report | str:
    """The report of ``cnnlab bench WORDS`` in a new process, or why there is none."""
    done = subprocess.run(
        [*COMMAND, "bench", "--json", "-", *words], capture_output=True, text=True, check=False
    )
    if done.returncode == 0:
        return Report.from_dict(json.loads(done.stdout))
    if done.returncode == 128 + signal.SIGINT:
        raise KeyboardInterrupt
    if done.returncode < 0:
        name = signal.Signals(-done.returncode).name
        killed = "; it may have run out of memory" if name == "SIGKILL" else ""
        return f"killed by {name}{killed}"
    return reason_of(done.stderr)


def reason_of(stderr: str) -> str:
    """What a failed command said last: the line of its error, not of a traceback's source."""
    lines = [line for line in stderr.splitlines() if line.strip()]
    return first_line(lines[-1].removeprefix("cnnlab: ")) if lines else "no reason was said"
