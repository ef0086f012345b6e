"""One run, from a checked job to a finished folder. Read it from top to bottom."""

import sys

import lightning.pytorch as pl

from cnnlab.data.dataset import overfit_splits
from cnnlab.data.loading.load import accelerator_device, load_images
from cnnlab.runs.data_record import check_unchanged
from cnnlab.runs.job import Job
from cnnlab.training import progress, transfer
from cnnlab.training.assemble import assemble
from cnnlab.training.environment import describe, describe_run
from cnnlab.training.lightning_bridge import finish_loggers
from cnnlab.training.peak_memory import PeakMemory
from cnnlab.training.record import record
from cnnlab.training.stopping import StopRequest
from cnnlab.training.wiring import wire


def run(job: Job, stop: StopRequest | None = None) -> None:
    """Train, keep the best epoch by validation, read the test set once, write the result.

    Resumes from ``checkpoints/last.ckpt`` where the run folder holds one.

    Args:
        stop: asks for a last checkpoint and the end; None: the signals of this process do.
    """
    config, run_dir = job.config, job.run_dir
    device = accelerator_device(config.trainer.accelerator)
    memory = PeakMemory(device)
    pl.seed_everything(config.seed, workers=False, verbose=False)
    parts = assemble(config)  # data set, model, optimiser, schedule of the learning rate
    # Training, validation and test images.
    splits = load_images(parts.dataset, device, processes=config.trainer.devices)
    if splits.num_broken:  # fewer images, fewer steps
        pl.seed_everything(config.seed, workers=False, verbose=False)
        parts = assemble(config, dataset=parts.dataset)
    data_record = check_unchanged(run_dir, parts.dataset, splits, job.data)
    if config.trainer.overfit is not None:
        splits = overfit_splits(splits, config.trainer.overfit * config.batch_size)

    wiring = wire(
        config,
        parts,
        splits,
        run_dir=run_dir,
        callbacks=[callback for hook in job.hooks for callback in hook.callbacks()],
        stop=stop or StopRequest(),  # Ctrl-C and its like
        title=job.title,
        verbose=job.verbose,
    )
    module, data, trainer = wiring.module, wiring.data, wiring.trainer
    if trainer.is_global_zero:
        progress.announce(job.title, describe_run(job, splits, trainer))
        environment = describe(trainer)
        run_dir.write_env(environment)
        data_record.write(run_dir)
    last = run_dir.last_checkpoint if run_dir.last_checkpoint.is_file() else None
    if last is None and config.init.from_ is not None:
        found = transfer.start(parts.model, config.init, parts.head)
        parts.model.load_state_dict(found.weights, strict=False)
        if trainer.is_global_zero:
            transfer.announce(found, config.init.from_)

    failed = True
    try:
        trainer.fit(module, data, ckpt_path=last, weights_only=True)
        trainer.strategy.barrier()  # of several processes the first has written best.ckpt by now
        assert wiring.checkpoint is not None
        best, instead = wiring.checkpoint.best_state(trainer)
        if instead and trainer.is_global_zero:
            print(f"{job.title}: {instead}", file=sys.stderr)
        module.load_state_dict(best["state_dict"])
        if config.trainer.reads_test_set:
            trainer.test(module, data, verbose=False)
        if trainer.is_global_zero:
            record(job, parts, splits, wiring, environment, memory)
        failed = False
    finally:
        finish_loggers(trainer, failed=failed)
