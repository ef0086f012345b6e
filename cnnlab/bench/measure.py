"""One configuration measured: the speed of training and inference, memory, latency, start."""

import dataclasses
import os
import time
from collections.abc import Callable
from typing import Any

import torch

from cnnlab.bench.fit import Measured, fit, left_out, wired
from cnnlab.bench.inference import inference_rates
from cnnlab.bench.peak import DTYPES, peak_flops
from cnnlab.bench.phases import PhaseTimer
from cnnlab.bench.process_age import process_start
from cnnlab.bench.report import Report
from cnnlab.bench.spread import Spread
from cnnlab.bench.step_clock import Round, StepClock, shares
from cnnlab.bench.workload import load_workload
from cnnlab.config.options import RunConfig, TrainerConfig
from cnnlab.config.schema import to_dict
from cnnlab.data.loading.datamodule import eval_batch_size
from cnnlab.data.loading.load import accelerator_device
from cnnlab.data.loading.test_time import MeanOverViews
from cnnlab.text import as_typed, precision_option
from cnnlab.training.assemble import preflight
from cnnlab.training.environment import describe
from cnnlab.training.isolation import isolated
from cnnlab.training.latency import single_image_latency
from cnnlab.training.peak_memory import PeakMemory
from cnnlab.training.trainer import trains_on_mps

Say = Callable[[str], None]
# What of trainer decides the speed.
OPTIONS = ("precision", "channels_last", "tf32", "compile", "deterministic", "accumulate", "tta")


@isolated()
def measure(config: RunConfig, *, rounds: int, seconds: float, say: Say) -> Report:
    """Train steps of the run that ``config`` describes, then only infer; leave nothing behind.

    Args:
        rounds: measurements of each speed, of ``seconds`` at least.
        say: takes a line of progress.

    Raises:
        CnnlabError: the images cannot be read, or nothing can be measured.
        KeyboardInterrupt: Ctrl-C.
    """
    on_mps = trains_on_mps(config.trainer.accelerator)
    device = torch.device("mps") if on_mps else accelerator_device(config.trainer.accelerator)
    memory = PeakMemory(device)
    workload = load_workload(config)
    if line := left_out(config):
        say(line)
    timer = PhaseTimer(device)
    images = config.batch_size * config.trainer.accumulate

    def on_round(done: list[Round]) -> None:
        rate = images * done[-1].steps / done[-1].seconds
        say(f"round {len(done)}/{rounds}  training {rate:,.0f} images/s")

    clock = StepClock(rounds, seconds, timer, on_round)
    measured = wired(workload, [clock])
    timer.attach(measured.wiring.module)
    say("warm-up")
    fit(measured)
    peaks = memory.columns()
    start, start_name = process_start()
    assert clock.first_step is not None
    say("inference")
    environment = describe(measured.wiring.trainer)
    precision = precision_option(environment["precision"])
    inference, latency = _inference(measured, config, workload.splits.val, rounds, seconds)
    _, cost = preflight(config)  # of the network as it is without compilation
    say("a large matrix product")
    return Report(
        model=config.model["name"],
        data=config.data["name"],
        batch_size=config.batch_size,
        accumulate=config.trainer.accumulate,
        eval_batch_size=min(
            eval_batch_size(measured.parts.dataset.spec, config.batch_size),
            len(workload.splits.val),
        ),
        precision=precision,
        options=speed_options(config),
        params=cost.params,
        macs=cost.macs,
        step=Spread([each.seconds / each.steps for each in clock.rounds]),
        split=shares(clock.rounds),
        inference=inference,
        latency=latency,
        memory=peaks,
        first_step=clock.first_step - start,
        first_step_from=start_name,
        peak=peak_flops(measured.wiring.trainer.strategy.root_device, DTYPES[precision]),
        environment={**environment, **load_average(), "time": time.strftime("%Y-%m-%d %H:%M")},
    )


def _inference(
    measured: Measured, config: RunConfig, images: Any, rounds: int, seconds: float
) -> tuple[Spread, float]:
    """Images per second, and the seconds of a single one."""
    trainer, model = measured.wiring.trainer, measured.wiring.module.model
    spec, device = measured.parts.dataset.spec, trainer.strategy.root_device
    tta = config.trainer.tta
    rates = inference_rates(
        model if tta == "none" else MeanOverViews(model, tta),
        images,
        spec,
        device,
        eval_batch_size(spec, config.batch_size),
        trainer.precision_plugin.forward_context(),
        memory_format=measured.wiring.data.memory_format,
        rounds=rounds,
        seconds=seconds,
    )
    image = torch.zeros(1, *spec.shape, device=device)
    precision = trainer.precision_plugin.forward_context()
    compiled = bool(config.trainer.compile)
    return rates, single_image_latency(model, image, precision, is_compiled=compiled)


def speed_options(config: RunConfig) -> dict[str, str]:
    """The options of the trainer that decide the speed, as typed, where they are not the default's.

    The precision, which depends on the machine, is in a report in any case.
    """
    defaults = {f.name: f.default for f in dataclasses.fields(TrainerConfig)}
    chosen = to_dict(config.trainer)
    return {
        f"trainer.{name}": as_typed(chosen[name])
        for name in OPTIONS
        if chosen[name] != defaults[name]
    }


def load_average() -> dict[str, float]:
    """How busy the machine is: jobs that run or wait, over the last minute."""
    return {"load_average": os.getloadavg()[0]} if hasattr(os, "getloadavg") else {}
