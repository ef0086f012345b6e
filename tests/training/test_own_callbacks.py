"""Callbacks of a user's own: registered in a module of theirs, chosen and configured by name."""

import json
import sys
from pathlib import Path

import pytest
import torch

from cnnlab.registry import CALLBACKS
from cnnlab.runs.run_dir import RunDir, find_runs

MODULE = """
import json
from pathlib import Path
from lightning.pytorch.callbacks import Callback
from cnnlab.registry import CALLBACKS


class Note(Callback):
    def __init__(self, *, word: str = "hello", times: int = 1) -> None:
        self.word, self.times = word, times
        self.steps, self.images, self.hooks = [], [], []

    def on_train_batch_end(self, trainer, module, outputs, batch, batch_idx):
        self.steps.append(trainer.global_step)
        self.images.append(list(batch.indices.shape))

    def on_train_epoch_end(self, trainer, module):
        self.hooks.append([trainer.current_epoch, module.row["epoch"], module.row["val_acc"]])

    def on_train_end(self, trainer, module):
        seen = dict(steps=self.steps, images=self.images, hooks=self.hooks)
        file = Path(trainer.default_root_dir) / "note.json"
        file.write_text(json.dumps({"said": self.word * self.times, **seen}))


@CALLBACKS.register("note")
class Chunked(Note):
    pass


@CALLBACKS.register("note_steps")
class EveryBatch(Note):
    every_batch = True

    def __init__(self, *, word: str = "step", times: int = 1) -> None:
        super().__init__(word=word, times=times)
"""
QUICK = ["model=mlp", "model.hidden=[8]", "data=synthetic", "data.num_train=64", "data.size=8"]
WORDS = ["train", "--import", "notes", *QUICK, "batch_size=16", "trainer.epochs=2", "logger=[]"]


@pytest.fixture(autouse=True)
def notes(cnnlab, monkeypatch: pytest.MonkeyPatch):  # noqa: ARG001  (in its folder)
    """A module of the user's in the working directory, registered for one test."""
    Path("notes.py").write_text(MODULE)
    monkeypatch.syspath_prepend(str(Path.cwd()))
    with CALLBACKS.temporary():
        yield
    sys.modules.pop("notes", None)


def note(run: RunDir) -> dict[str, object]:
    return dict(json.loads((run.path / "note.json").read_text()))


def test_it_is_called_with_its_options(cnnlab) -> None:
    answer = cnnlab(*WORDS, "callbacks=[note]", "callbacks.note.word=ho", "callbacks.note.times=2")
    assert answer.code == 0, answer.err
    (run,) = find_runs(["runs"])
    seen = note(run)
    assert seen["said"] == "hoho"
    assert seen["steps"][-1] == 8  # optimiser steps, four an epoch, whatever the chunks are
    assert sum(steps for steps, _, _ in seen["images"]) == 8
    accuracies = list(run.metrics()["val_acc"])
    assert seen["hooks"] == [[0, 1, accuracies[0]], [1, 2, accuracies[1]]]
    assert run.config()["callbacks"] == {"note": {"word": "ho", "times": 2}}


@pytest.mark.slow
def test_every_batch_gets_single_steps_and_the_same_weights(cnnlab) -> None:
    assert cnnlab(*WORDS, "-m", "callbacks=[],[note_steps]").code == 0
    runs = {len(run.config()["callbacks"]): run for run in find_runs(["runs"])}
    assert len(runs) == 2  # a callback is part of what a run is
    seen = note(runs[1])
    assert seen["steps"] == list(range(1, 9))
    assert seen["images"] == [[1, 1, 16]] * 8
    states = [
        torch.load(run.best_checkpoint, weights_only=True)["state_dict"] for run in runs.values()
    ]
    assert states[0].keys() == states[1].keys()
    assert all(torch.equal(value, states[1][name]) for name, value in states[0].items())


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["callbacks=[nots]"], "no callback 'nots'; did you mean 'note'?"),
        (["callbacks=[note]", "callbacks.note.wrd=x"], "did you mean 'callbacks.note.word'?"),
        (["callbacks=[note]", "callbacks.note.times=x"], "callbacks.note.times=x must be a whole"),
    ],
)
def test_mistakes_are_refused(cnnlab, words: list[str], message: str) -> None:
    answer = cnnlab(*WORDS, *words)
    assert answer.code == 2
    assert message in answer.err


def test_a_run_with_a_callback_loads_without_it(cnnlab) -> None:
    from cnnlab.inference.load import load_run

    with CALLBACKS.temporary():
        assert cnnlab(*WORDS, "callbacks=[note]").code == 0
    assert "note" not in CALLBACKS
    (run,) = find_runs(["runs"])
    assert load_run(run).config.callbacks == {}
