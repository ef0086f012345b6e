"""Evaluating a finished run on its test set again, from its folder alone."""

from pathlib import Path
from typing import Any

import torch

from cnnlab.config.schema import to_dict
from cnnlab.data.loading.memory import MemoryBatches
from cnnlab.inference.load import load_run
from cnnlab.metrics import show_scores
from cnnlab.registry import CnnlabError
from cnnlab.runs.run_dir import RunDir
from cnnlab.runs.state import RunState

BATCH = 512


def evaluate(path: str | Path | RunDir) -> dict[str, Any]:
    """The scores of a run's best checkpoint on the test set, by columns of result.json.

    Accuracy, cross-entropy and macro-F1 of a classifier; the mean squared error of an autoencoder.

    Raises:
        CnnlabError: there is no run at ``path``, or it is not finished.
    """
    folder = RunDir.open(path)
    if not folder.is_done:
        state = RunState.recorded(folder.status())
        raise CnnlabError(f"{folder} is not finished (it is {state}); `cnnlab train` continues it")
    run = load_run(folder)
    task, spec = run.config.task, run.dataset.spec
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    splits = run.dataset.load()
    images = splits.test
    batches = MemoryBatches(images, spec, device)
    model = run.model.to(device)
    criterion = task.criterion(to_dict(run.config.loss), spec, splits.train.labels)
    criterion = criterion.to(device).eval()
    kept, sums = [], torch.zeros(1 + len(task.counts), dtype=torch.float64)
    indices = task.kept_indices(len(images))
    with torch.inference_mode():
        for first in range(0, len(images), BATCH):
            part = torch.arange(first, min(first + BATCH, len(images)), device=device)
            inputs, targets = batches(part)
            outputs = model(inputs)
            loss, counts = criterion(outputs, inputs, targets)
            sums += torch.stack([loss * len(part), *counts]).cpu()
            here = indices[(indices >= first) & (indices < first + BATCH)] - first
            kept.append(outputs.float().cpu()[here])
    means = (sums / len(images)).tolist()
    return {
        "run": folder,
        **{f"test_{name}": mean for name, mean in zip(("loss", *task.counts), means, strict=True)},
        **task.scores(torch.cat(kept), images.labels[indices]),
        "num_test": len(images),
        "best_epoch": run.result["best_epoch"],
    }


def print_evaluation(evaluation: dict[str, Any]) -> None:
    """One line of numbers, then the folder."""
    run: RunDir = evaluation["run"]
    images = f"{evaluation['num_test']:,} images, epoch {evaluation['best_epoch']}"
    print(f"test {show_scores(run.result() | evaluation, 'test')} ({images})")
    print(run)
