"""A run that is trained again although a file of it is damaged: the file is kept beside the new."""

import errno
import os
import time
from collections.abc import Callable
from pathlib import Path

from cnnlab.runs.contents import read_config, read_metrics, read_result, read_status
from cnnlab.runs.read_file import DamagedFileError
from cnnlab.runs.run_dir import RunDir


def set_aside_unreadable(run: RunDir) -> list[str]:
    """Rename the damaged files of a run, which training writes again; a line for each.

    Raises:
        DamagedFileError: a file that this process may not read, which need not be damaged, or
            metrics.csv, whose rows a run that continues from its checkpoint needs.
    """
    readers: dict[Path, Callable[[Path], object]] = {
        run.status_file: read_status,
        run.result_file: read_result,
        run.config_file: read_config,
        run.metrics_file: read_metrics,
    }
    lines = []
    for file, read in readers.items():
        if not os.path.lexists(file):
            continue
        try:
            read(file)
        except DamagedFileError as damage:
            is_needed = file == run.metrics_file and run.last_checkpoint.is_file()
            if is_needed or not _is_damage(damage.__cause__):
                raise
            kept = file.with_name(f"{file.name}.damaged-{time.time_ns()}")
            os.rename(file, kept)
            lines.append(f"{damage}; kept as {kept.name}")
    return lines


def _is_damage(cause: BaseException | None) -> bool:
    """Whether the file itself is at fault: not so where the disk or its permissions are."""
    return not isinstance(cause, OSError) or cause.errno in (None, errno.ELOOP)
