"""Data in the user's own files, as they are when a command is composed."""

import json
from dataclasses import dataclass

from cnnlab.config.options import RunConfig
from cnnlab.config.schema import build, to_dict
from cnnlab.registry import DATASETS
from cnnlab.runs.data_record import DataRecord


@dataclass(frozen=True)
class OwnFiles:
    """What is known of them without decoding one: their record, and lines for the user."""

    record: DataRecord
    notes: tuple[str, ...]


def own_files(config: RunConfig) -> OwnFiles | None:
    """The files of a config's data set; None where everybody's are the same.

    All the jobs of a command that have the same data scan them once.

    Raises:
        CnnlabError: they are missing, or not laid out as the data set needs.
    """
    if not getattr(DATASETS[config.data["name"]].component, "own_files", False):
        return None
    from cnnlab.data.scan import remembered  # loads torch, as the data set has

    def find() -> OwnFiles | None:
        dataset = build(DATASETS, config.data)
        record = DataRecord.of(dataset)
        return None if record is None else OwnFiles(record, tuple(dataset.notes()))

    options = json.dumps(to_dict(config.data), sort_keys=True, default=str)
    return remembered(options, find)
