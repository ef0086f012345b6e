"""``cnnlab bench --tune``: the combinations of options, the fastest, and the line to copy."""

import dataclasses
import itertools
import time
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import torch

from cnnlab.app.bench_output import MeasurementError, Output, say
from cnnlab.app.command import Command, read_command
from cnnlab.app.grid import expand_grid
from cnnlab.app.prepare import TUNED
from cnnlab.bench.agreement import train_reference
from cnnlab.bench.axes import Axis, axes, thread_counts, usable_cores
from cnnlab.bench.fit import left_out
from cnnlab.bench.tune import (
    Candidate,
    Trial,
    add_agreement,
    choose_agreeing,
    fastest,
    time_candidates,
)
from cnnlab.bench.tuning import Tuning, save_tuning
from cnnlab.bench.workload import Workload, load_workload, refuse_mps
from cnnlab.data.loading.load import accelerator_device
from cnnlab.registry import CnnlabError
from cnnlab.text import first_line, plural

if TYPE_CHECKING:
    from matplotlib.figure import Figure

BATCH_SIZE = "batch_size"


def run_tune(
    words: Sequence[str], *, rounds: int, seconds: float, minutes: float, output: Output
) -> None:
    """Measure the combinations for each batch size, print and keep each choice, and write files.

    Raises:
        CnnlabError: the words are refused, plain training cannot be measured, or a choice cannot
            be kept; the others are then, and the files are written.
    """
    begin = time.monotonic()
    chosen = read_axes(words)
    own = [word for word in words if word.partition("=")[0] not in chosen]
    groups = [
        (batch, candidates(batch, chosen)) for batch in _one_per_batch_size(own, list(chosen))
    ]
    first = groups[0][1][0].config
    refuse_mps(first, "--tune")
    workload = load_workload(first)
    lines = [axis.left_out for axis in chosen.values()]
    for line in (*lines, left_out(workload.config)):
        if line:
            say(line)
    total = plural(sum(len(found) for _, found in groups), "combination")
    say(f"{total}, {plural(rounds, 'round')}, nothing new after {minutes:g} minutes")
    tunings: list[Tuning] = []
    unwritable: CnnlabError | None = None
    for number, (batch, found) in enumerate(groups, 1):
        deadline = begin + 60 * minutes * number / len(groups)
        options = {"rounds": rounds, "seconds": seconds, "deadline": deadline, "say": say}
        tuning = _tune(batch, found, workload, options)
        tunings.append(tuning)
        output.print(*tuning.lines())
        try:  # at once, so that nothing that comes later can lose it
            output.print(_keep(tuning))
        except CnnlabError as error:
            unwritable = error

    def draw() -> "Figure":
        from cnnlab.bench.comparison_figures import tune_figure

        return tune_figure(tunings)

    output.write({"words": list(words), "tunings": [each.to_dict() for each in tunings]}, draw)
    if unwritable is not None:
        raise unwritable


def _keep(tuning: Tuning) -> str:
    """Save the choice for ``trainer=tuned``; the line that says so.

    Raises:
        CnnlabError: the cache cannot be written.
    """
    if tuning.is_choice:
        return f"trainer=tuned takes it from {save_tuning(tuning)}"
    return f"{tuning.name}: not kept for trainer=tuned; give more --minutes"


def _tune(
    words: list[str], found: list[Candidate], workload: Workload, options: Mapping[str, Any]
) -> Tuning:
    """One batch size: options first, then threads for the fastest of them that agrees.

    Raises:
        CnnlabError: plain training diverges.
        MeasurementError: it cannot be measured.
    """
    say = options["say"]
    # first, as there is nothing to compare with where plain training diverges
    reference = train_reference(dataclasses.replace(workload, config=found[0].config))
    trials = time_candidates(found, workload, **options)
    if trials[0].failed:
        raise MeasurementError(f"plain training cannot be measured: {trials[0].failed}")
    say("agreement with plain 32-bit training")
    best = choose_agreeing(trials, workload, reference, say=say)
    before = torch.get_num_threads()
    threads: list[Trial] = []
    if accelerator_device(best.candidate.config.trainer.accelerator).type == "cpu":
        counts = [before, *(n for n in thread_counts(usable_cores()) if n != before)]
        same = [
            dataclasses.replace(best.candidate, threads=number, changes=int(number != before))
            for number in counts
        ]
        if len(same) > 1:
            threads = time_candidates(same, workload, **options)
    add_agreement(trials, workload, reference, deadline=options["deadline"], say=say)
    number = before if not threads or threads[0].failed else fastest(threads).candidate.threads
    return Tuning(words, trials, best, threads, number or before, before)


def read_axes(words: Sequence[str]) -> dict[str, Axis]:
    """What is varied: each axis with the values of this machine, or with those that are typed.

    Plain 32-bit training is among them in any case: all else is compared with it.

    Raises:
        CnnlabError: the words are refused, or vary what is none of the axes.
    """
    if f"trainer={TUNED}" in words:
        raise CnnlabError(f"trainer={TUNED}: leave it out, --tune makes what it reads")
    typed = {key: value for key, _, value in (word.partition("=") for word in words)}
    accelerator: Any = typed.get("trainer.accelerator", "auto")
    found = axes(accelerator)
    for key, axis in found.items():
        if key in typed:
            others = [value for value in typed[key].split(",") if value != axis.values[0]]
            found[key] = Axis((axis.values[0], *others))
    return found


def candidates(words: Sequence[str], chosen: Mapping[str, Axis]) -> list[Candidate]:
    """Every combination of the axes, plain training first.

    Raises:
        CnnlabError: plain training is refused.
    """
    command = read_command(words, multirun=True)
    plain = tuple(axis.values[0] for axis in chosen.values())
    found: list[Candidate] = []
    for values in itertools.product(*(axis.values for axis in chosen.values())):
        options = dict(zip(chosen, values, strict=True))
        typed = [f"{key}={value}" for key, value in options.items()]
        try:
            overrides = [*command.overrides, *command.composer.read(typed)]
            config = command.make_job(overrides).config
        except CnnlabError as error:
            if not found:
                raise
            say(f"{' '.join(typed)}: {first_line(error)}")
            continue
        changes = sum(a != b for a, b in zip(values, plain, strict=True))
        found.append(Candidate(options, config, changes))
    return found


def _one_per_batch_size(words: Sequence[str], known: Sequence[str]) -> list[list[str]]:
    """The words with each of their batch sizes.

    Raises:
        CnnlabError: another option has several values, or the words are refused.
    """
    command: Command = read_command(words, multirun=True)
    for override in command.hydra_overrides:
        raise CnnlabError(f"{override.input_line}: bench measures one configuration at a time")
    for override in command.overrides:
        if override.is_sweep_override() and override.key_or_group != BATCH_SIZE:
            raise CnnlabError(
                f"{override.input_line}: --tune varies {', '.join((*known, BATCH_SIZE))}; "
                "bench --sweep tabulates others"
            )
    return [
        [str(o.input_line) for o in overrides if o.key_or_group != "sweep.name"]
        for overrides in expand_grid(command)
    ]
