"""The data of all jobs, checked before the first of them starts.

What is missing is thus said at once, and not by a job that starts hours later.
"""

from collections.abc import Iterable

from cnnlab.config.schema import build
from cnnlab.data.dataset import ImageDataset
from cnnlab.registry import DATASETS, CnnlabError
from cnnlab.runs.job import Job
from cnnlab.text import first_line, plural

MAX_LINES = 3  # of a refusal


def ensure_data(jobs: Iterable[Job], *, write: bool = True) -> None:
    """Check, unpack or download the files of each job's data set, once for equal ones.

    Args:
        write: False checks that it could be done, and leaves everything as it is.

    Raises:
        CnnlabError: files are missing or damaged and cannot be replaced; of several data sets in
            a line each, three at most.
    """
    different = {repr(sorted(job.config.data.items())): job for job in jobs}
    refused: dict[str, None] = {}
    for job in different.values():
        component = DATASETS[job.config.data["name"]].component
        if getattr(component, "ensure_files", None) is ImageDataset.ensure_files:
            continue  # it checks none, and was built when the job was composed
        dataset: ImageDataset = build(DATASETS, job.config.data)
        try:
            dataset.ensure_files(write=write)
        except CnnlabError as error:
            refused[str(error)] = None
    if len(refused) == 1:
        raise CnnlabError(next(iter(refused)))
    if refused:
        lines = [first_line(refusal) for refusal in refused]
        if len(lines) > MAX_LINES:
            more = len(lines) - MAX_LINES
            lines[MAX_LINES:] = []
            lines[-1] += f" (and {plural(more, 'more data set')})"
        raise CnnlabError("\n".join(lines))
