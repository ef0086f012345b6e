"""Evaluating a finished run on its test set again, from its folder alone."""

import math
import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch

from cnnlab.config.extra_metrics import ExtraMetrics
from cnnlab.data.loading.datamodule import eval_batch_size
from cnnlab.data.loading.load import load_images
from cnnlab.data.loading.memory import MemoryBatches
from cnnlab.inference.data import find_dataset, require_same_images
from cnnlab.inference.load import load_run, naming
from cnnlab.inference.test_images import require_same_test_set
from cnnlab.metrics import metric_of, show_scores
from cnnlab.registry import CnnlabError
from cnnlab.runs.contents import read_result, read_status
from cnnlab.runs.run_dir import RunDir, open_runs
from cnnlab.runs.state import RunState
from cnnlab.runs.status import state_of
from cnnlab.text import first_line, plural

TOLERANCE = 0.02  # of the primary metric, between devices and precisions


def evaluate(path: str | Path | RunDir) -> dict[str, Any]:
    """The scores of a run's best checkpoint on the test set, by columns of result.json.

    Accuracy, cross-entropy and macro-F1 of a classifier; the mean squared error of an autoencoder.
    Of an ensemble those of the mean probability, and the number of its networks in place of the
    best epoch.

    Raises:
        CnnlabError: there is no run at ``path``, or it is not finished.
    """
    folder = RunDir.open(path)
    state, status = state_of(folder)
    if state is not RunState.DONE:
        read_status(folder.status_file)  # where one of the two is damaged, that is said
        read_result(folder.result_file)
        error = f"; {first_line(status['error'])}" if status.get("error") else ""
        raise CnnlabError(
            f"{folder} is not finished (state: {state}{error}); `cnnlab train` continues it"
        )
    run = load_run(folder)
    with naming(folder.config_file):
        dataset = find_dataset(folder, run.config, same_test_set=True)
        require_same_images(folder, run.spec, dataset.spec)
    with naming(folder.result_file):
        metric_of(run.result)
        trained = "ensemble" if folder.is_ensemble else "best_epoch"
        weights = {trained: run.result[trained]}
    task, spec = run.config.task, dataset.spec
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    splits = load_images(dataset, device)
    require_same_test_set(run, dataset, splits)
    images = splits.test
    batches = MemoryBatches(images, spec, device, streamed=splits.streamed)
    batch_size = eval_batch_size(spec, run.config.batch_size)  # as in training
    model = run.tested.to(device)
    criterion = task.criterion(run.config.loss, spec, splits.train.labels)
    criterion = criterion.to(device).eval()
    kept, sums = [], torch.zeros(1 + len(task.counts), dtype=torch.float64)
    indices, metrics = task.kept_indices(len(images)), ExtraMetrics.of(run.config.metrics, spec)
    metrics.reset()
    with torch.inference_mode():
        for first in range(0, len(images), batch_size):
            part = torch.arange(first, min(first + batch_size, len(images)), device=device)
            inputs, targets = batches(part)
            outputs = model(inputs)
            loss, counts = criterion(outputs, inputs, targets)
            metrics.update(outputs, targets)
            sums += torch.stack([loss * len(part), *counts]).cpu()
            here = indices[(indices >= first) & (indices < first + batch_size)] - first
            kept.append(outputs.float().cpu()[here])
    means = (sums / len(images)).tolist()
    return {
        "run": folder,
        **{f"test_{name}": mean for name, mean in zip(("loss", *task.counts), means, strict=True)},
        **metrics.columns("test"),
        **task.scores(torch.cat(kept), images.labels[indices]),
        "num_test": len(images),
        **weights,
    }


def evaluate_all(paths: Sequence[str | Path | RunDir]) -> bool:
    """Evaluate the finished runs at or below ``paths`` and print their scores; whether all could.

    Unfinished ones among several are counted; what keeps one from being evaluated is printed.

    Raises:
        CnnlabError: there is no run at one of the paths, none is finished, or the only one cannot
            be evaluated.
    """
    folders = open_runs(paths)
    if len(folders) == 1:
        print_evaluation(evaluate(folders[0]))
        return True
    states = [state_of(folder)[0] for folder in folders]
    left_out = Counter(str(state) for state in states if state is not RunState.DONE)
    counts = ", ".join(f"{count} {state}" for state, count in sorted(left_out.items()))
    unfinished = f"{plural(left_out.total(), 'unfinished run')} left out ({counts})"
    if left_out.total() == len(folders):
        raise CnnlabError(f"nothing to test: {unfinished}; `cnnlab train` continues them")
    could_all = True
    for folder, state in zip(folders, states, strict=True):
        if state is RunState.DONE:
            try:
                print_evaluation(evaluate(folder))
            except CnnlabError as error:
                could_all = False
                print(f"cnnlab: {error}", file=sys.stderr)
    if left_out:
        print(unfinished, file=sys.stderr)
    return could_all


def print_evaluation(evaluation: dict[str, Any]) -> None:
    """One line of numbers, then the folder; a note where result.json has others."""
    run: RunDir = evaluation["run"]
    result = run.result()
    metric = metric_of(result)
    before, now = result.get(f"test_{metric.column}"), evaluation[f"test_{metric.column}"]
    is_same_set = result.get("num_test") == evaluation["num_test"]
    if is_same_set and before is not None and not math.isclose(now, before, rel_tol=TOLERANCE):
        said = f"{run.result_file} has {metric.label} {metric.show(before)}"
        checkpoint = run.best_checkpoint.name
        other = f"{checkpoint} is not the checkpoint that was tested"
        if run.is_ensemble:
            other = f"{checkpoint} of a member is not the checkpoint that was tested"
        print(f"{said}: {other}", file=sys.stderr)
    images = f"{evaluation['num_test']:,} images"
    if "ensemble" in evaluation:
        weights = f"mean probability of {plural(evaluation['ensemble'], 'network')}"
    else:
        weights = f"epoch {evaluation['best_epoch']}"
    print(f"test {show_scores(run.result() | evaluation, 'test')} ({images}, {weights})")
    print(run)
