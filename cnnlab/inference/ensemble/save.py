"""An ensemble saved as a folder that ``cnnlab test`` and other commands take like a run's."""

import math
import re
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cnnlab.explain.answers.confusion import macro_f1
from cnnlab.inference.ensemble.curve import COUNTS, TIMES, mean_cost
from cnnlab.inference.ensemble.members import LOGITS, Member, SeedSweep
from cnnlab.inference.ensemble.votes import log_mean_probability
from cnnlab.registry import CnnlabError
from cnnlab.runs.durable import copy, replacing
from cnnlab.runs.ensemble_record import relative_path, result_digest, write_members
from cnnlab.runs.essential import digest
from cnnlab.runs.mistakes import (
    MAX_MISTAKES,
    confidences,
    most_confident_mistakes,
    read_mistakes,
    write_mistakes,
)
from cnnlab.runs.read_file import DamagedFileError, reason
from cnnlab.runs.run_dir import RunDir
from cnnlab.runs.state import RunState

# Columns that an ensemble has like its members, where all of these are alike.
SHARED = (
    *("data", "task", "metric", "epochs", "steps", "precision", "accelerator", "device"),
    *("threads", "devices", "torch", "cnnlab", "commit", "paper", "split", "num_train", "num_val"),
    "num_broken",
)


def save(sweep: SeedSweep, place: Path) -> RunDir:
    """Save the ensemble of all members by soft vote in a folder of its own; that folder.

    The same members have the same folder, which is written again only where they have changed.

    Args:
        place: the folder that it is in, made where it is not there.

    Raises:
        CnnlabError: it cannot be written there.
    """
    members = sweep.members
    runs = [member.folder for member in members]
    first, count = members[0], len(members)
    paths = [relative_path(run, place) for run in runs]
    name = re.sub(r"_seed\d+|-[0-9a-f]{8}(-\d+)?$", "", first.folder.name)
    folder = RunDir(place / f"{count}x_{name}-{digest(paths)[:8]}")
    identity = {
        "config": digest([paths, [result_digest(run) for run in runs]]),
        "group": digest(["ensemble", sweep.group, paths]),
        "sources": first.status["identity"]["sources"],
    }
    if folder.is_done and (folder.status().get("identity") or {}) == identity:
        return folder
    model = f"{count} x {first.result['model']}"
    outputs = log_mean_probability(sweep.logits)
    try:
        folder.path.mkdir(parents=True, exist_ok=True)
        folder.status_file.unlink(missing_ok=True)  # until all is there, it is no run
        copy(first.folder.config_file, folder.config_file)
        if first.data is not None:
            first.data.write(folder)
        with replacing(folder.outputs_file(LOGITS)) as file:
            np.savez(file, logits=outputs, labels=sweep.labels)
        _write_mistakes(folder.mistakes_file, outputs, sweep)
        write_members(folder, runs)
        folder.write_result(_result(folder, model, members, outputs))
        folder.update_status(
            state=RunState.DONE,
            finished=time.time(),
            error=None,
            choices={**(first.status.get("choices") or {}), "model": model},
            identity=identity,
            imports=first.status.get("imports") or [],
            directory=first.status.get("directory"),
        )
    except OSError as error:
        raise CnnlabError(
            f"{error.filename or folder}: {reason(error)}; use another folder with --out FOLDER"
        ) from error
    return folder


def _result(
    folder: RunDir, model: str, members: Sequence[Member], outputs: NDArray[np.float32]
) -> dict[str, Any]:
    """The columns of result.json: those of the ensemble, its costs, and what all members share."""
    first, labels = members[0].result, members[0].labels
    predicted = outputs.argmax(1)
    f1 = macro_f1(labels, predicted)
    right = np.take_along_axis(outputs, labels[:, None], 1)
    total = {column: len(members) * mean_cost(members, column) for column in (*COUNTS, *TIMES)}
    return {
        "name": folder.name,
        "sweep": members[0].folder.path.absolute().parent.name,
        "model": model,
        "ensemble": len(members),
        "seed": first["seed"],
        **{column: round(total[column]) for column in COUNTS},
        **{column: total[column] for column in TIMES if not math.isnan(total[column])},
        "test_acc": float((predicted == labels).mean()),
        "test_loss": float(-right.astype(np.float64).mean()),
        "test_macro_f1": float(f1),
        "num_test": len(labels),
        "partial": any(member.result.get("partial", False) for member in members),
        **{
            column: first[column]
            for column in SHARED
            if column in first and all(m.result.get(column) == first[column] for m in members)
        },
    }


def _write_mistakes(file: Path, outputs: NDArray[np.float32], sweep: SeedSweep) -> None:
    """The most confident mistakes of which a member has a picture: the data are not read."""
    pictures: dict[int, NDArray[np.uint8]] = {}
    for member in sweep.members:
        try:
            known = read_mistakes(member.folder.mistakes_file)
        except DamagedFileError:  # or made before runs had it
            continue
        pictures |= dict(zip(known.index.tolist(), known.pixels, strict=True))
    wrong = most_confident_mistakes(outputs, sweep.labels, limit=len(outputs))
    shown = np.array([index for index in wrong if int(index) in pictures][:MAX_MISTAKES], int)
    file.unlink(missing_ok=True)
    if len({pictures[int(index)].shape for index in shown}) == 1:
        write_mistakes(
            file,
            np.stack([pictures[int(index)] for index in shown]),
            sweep.labels[shown],
            outputs[shown].argmax(1),
            confidences(outputs[shown]),
            shown,
        )
