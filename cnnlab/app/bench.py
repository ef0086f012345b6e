"""``cnnlab bench``: how fast a configuration is on this machine, and how it can be faster.

Nothing heavy is imported up here, as in ``cli.py``, which registers the command.
"""

import math
import sys
from typing import Annotated, Literal

import typer

from cnnlab.app.cli_listing import Imports

ROUNDS, SECONDS, EPOCHS, MINUTES = 5, 1.0, 1, 10.0


def bench(
    words: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[KEY=VALUE]...",
            help="Options as for cnnlab train: model=resnet20 data=cifar10 batch_size=128. "
            "Without files: data=synthetic data.size=28 data.num_train=55000.",
        ),
    ] = None,
    against: Annotated[
        Literal["bare", "usual"] | None,
        typer.Option(
            help="Compare epochs with a plain torch loop, or with torchvision, PIL, DataLoader "
            "and Lightning."
        ),
    ] = None,
    sweep: Annotated[
        bool, typer.Option("--sweep", help="A row for each of several: model=mlp,lenet5.")
    ] = False,
    tune: Annotated[
        bool,
        typer.Option("--tune", help="Find the fastest memory format, precision and threads."),
    ] = False,
    rounds: Annotated[int, typer.Option(min=1, help="Measurements of each.")] = ROUNDS,
    seconds: Annotated[
        float | None,
        typer.Option(min=0.001, help=f"Of each measurement, at least [default: {SECONDS:g}]."),
    ] = None,
    epochs: Annotated[
        int | None,
        typer.Option(min=1, help=f"With --against, in each measurement [default: {EPOCHS}]."),
    ] = None,
    minutes: Annotated[
        float | None,
        typer.Option(min=0.01, help=f"With --tune, start nothing later [default: {MINUTES:g}]."),
    ] = None,
    json_file: Annotated[
        str | None,
        typer.Option("--json", metavar="FILE", help="Write all numbers; - is standard output."),
    ] = None,
    plot: Annotated[
        str | None, typer.Option("--plot", metavar="FILE", help="Draw a PNG picture.")
    ] = None,
    imports: Imports = None,
) -> None:
    """Measure the speed of training and inference.

    cnnlab bench model=resnet20 data=cifar10

    cnnlab bench --sweep model=mlp,lenet5 batch_size=64,256

    Prints images per second, what a step's time goes to, latency, memory, the time to the first
    step, and the share of the machine's peak. --tune writes what trainer=tuned reads. --against
    compares whole epochs with other ways to train; its default model is lenet5 (bare) or an MLP
    with batch norm (usual), on MNIST.
    """
    from cnnlab.app.arguments import refuse_repeated, refuse_together
    from cnnlab.app.bench_output import Output, out_of_memory_in_a_line
    from cnnlab.discovery import discover
    from cnnlab.registry import CnnlabError

    refuse_together({"--against": against, "--sweep": sweep, "--tune": tune})
    refuse_together({"--against": against, "--seconds": seconds})
    if epochs is not None and against is None:
        raise CnnlabError("--epochs needs --against; other measurements take --seconds")
    if minutes is not None and not tune:
        raise CnnlabError("--minutes needs --tune")
    if seconds is not None and not math.isfinite(seconds):
        raise CnnlabError(f"--seconds {seconds}: give a number")
    discover(imports or [])
    refuse_repeated(words or [])
    output = Output.of(json_file, plot)
    seconds = seconds or SECONDS
    ok = True
    try:
        with out_of_memory_in_a_line():
            if against is not None:
                from cnnlab.app.bench_against import run_against

                run_against(against, words or [], rounds, epochs or EPOCHS, output)
            elif tune:
                from cnnlab.app.bench_tune import run_tune

                run_tune(
                    words or [],
                    rounds=rounds,
                    seconds=seconds,
                    minutes=minutes or MINUTES,
                    output=output,
                )
            elif sweep:
                from cnnlab.app.bench_sweep import run_bench_sweep

                ok = run_bench_sweep(
                    words or [], imports or [], rounds=rounds, seconds=seconds, output=output
                )
            else:
                from cnnlab.app.bench_report import run_report

                run_report(words or [], rounds=rounds, seconds=seconds, output=output)
    except KeyboardInterrupt as stop:  # of which typer would say nothing
        print("\ncnnlab: interrupted", file=sys.stderr)
        raise typer.Exit(130) from stop
    if not ok:
        raise typer.Exit(1)
