"""Evaluating a finished run on its test set again, from its folder alone."""

from pathlib import Path
from typing import Any

import torch
from sklearn.metrics import f1_score
from torch import Tensor
from torch.nn import functional as F

from cnnlab.data.dataset import Images
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
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    images = run.dataset.load().test
    batches = MemoryBatches(images, run.dataset.spec, device)
    model = run.model.to(device)
    with torch.inference_mode():
        order = torch.split(torch.arange(len(batches), device=device), BATCH)
        outputs = torch.cat([model(batches(part)[0]).float().cpu() for part in order])
    score = _classification if run.config.task == "classify" else _reconstruction
    return {
        "run": folder,
        **score(outputs, images),
        "num_test": len(images.labels),
        "best_epoch": run.result["best_epoch"],
    }


def _classification(logits: Tensor, images: Images) -> dict[str, float]:
    predicted, labels = logits.argmax(1), images.labels
    macro_f1 = f1_score(labels.numpy(), predicted.numpy(), average="macro", zero_division=0)
    return {
        "test_acc": float((predicted == labels).float().mean()),
        "test_loss": float(F.cross_entropy(logits, labels)),
        "test_macro_f1": float(macro_f1),
    }


def _reconstruction(pixels: Tensor, images: Images) -> dict[str, float]:
    return {"test_loss": float(F.mse_loss(pixels, images.pixels / 255))}


def print_evaluation(evaluation: dict[str, Any]) -> None:
    """One line of numbers, then the folder."""
    run: RunDir = evaluation["run"]
    images = f"{evaluation['num_test']:,} images, epoch {evaluation['best_epoch']}"
    print(f"test {show_scores(run.result() | evaluation, 'test')} ({images})")
    print(run)
