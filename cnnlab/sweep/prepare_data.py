"""The data of all jobs, checked before the first of them starts.

What is missing is thus said at once, and not by a job that starts hours later.
"""

from collections.abc import Iterable

from cnnlab.config.schema import build
from cnnlab.data.dataset import ImageDataset
from cnnlab.registry import DATASETS, CnnlabError
from cnnlab.runs.job import Job


def ensure_data(jobs: Iterable[Job], *, write: bool = True) -> None:
    """Check, unpack or download the files of each job's data set, once for equal ones.

    Args:
        write: False checks that it could be done, and leaves everything as it is.

    Raises:
        CnnlabError: files are missing or damaged and cannot be replaced; all that are.
    """
    different = {repr(sorted(job.config.data.items())): job for job in jobs}
    refused: dict[str, None] = {}
    for job in different.values():
        dataset: ImageDataset = build(DATASETS, job.config.data)
        try:
            dataset.ensure_files(write=write)
        except CnnlabError as error:
            refused[str(error)] = None
    if refused:
        raise CnnlabError("\n".join(refused))
