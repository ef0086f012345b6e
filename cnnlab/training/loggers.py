"""Loggers, registered: ``logger=[tensorboard,csv]``, ``logger.wandb.project=mine``, ``logger=[]``.

Each is called with the run's folder and gives one of Lightning's loggers. All of them get each
epoch's row as curves and the run's options; which pictures they take is in ``record.py``. Lightning
is imported when a run begins, so that names and options are known without it.

TensorBoard shows groups of charts in the order of the alphabet, so what is not measured on a split
has a name that comes after ``val``.
"""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cnnlab.registry import LOGGERS

if TYPE_CHECKING:
    from torch.utils.tensorboard import SummaryWriter


def scalar_tag(column: str) -> str:
    """The name of the curve of a column of metrics.csv: ``val_acc`` -> ``val/acc``.

    What is measured on no split is of training, as ``train/lr`` is, but for the speed.
    """
    split, _, rest = column.partition("_")
    if split in ("train", "val"):
        return f"{split}/{rest}"
    return f"{'wall_time' if column == 'images_per_second' else 'train'}/{column}"


def picture_tag(split: str, name: str) -> str:
    """The name of a picture: ``test``, ``confusion`` -> ``visualization/test_confusion``."""
    return f"visualization/{split}_{name}"


def write_session(
    writer: "SummaryWriter", hparams: Mapping[str, int | float | str], text: str, step: int
) -> None:
    """A finished run's row in TensorBoard's HPARAMS and its results as text, in Markdown.

    The metrics in HPARAMS are the last of each curve.

    No Experiment is written, which would list the options: TensorBoard takes the list of the first
    run that has one for all runs. Without, it makes its own, with the options that vary first.
    """
    from torch.utils.tensorboard.summary import hparams as summaries

    # first: it opens a file again where the training's has been closed
    writer.add_text("result", text, step)
    _, start, end = summaries(dict(hparams), {})  # type: ignore[no-untyped-call]
    assert writer.file_writer is not None
    for summary in (start, end):
        writer.file_writer.add_summary(summary)


@LOGGERS.register("tensorboard")
def tensorboard(run_dir: Path) -> Any:
    """TensorBoard's event files in ``tb/``, read by ``cnnlab tensorboard``."""
    from lightning.pytorch.loggers import TensorBoardLogger

    return TensorBoardLogger(run_dir, name="tb", version="", default_hp_metric=False, sub_dir=None)


@LOGGERS.register("csv")
def csv(run_dir: Path) -> Any:
    """Lightning's CSV files in ``csv/version_0/``; a resumed run writes the next version."""
    from lightning.pytorch.loggers import CSVLogger

    return CSVLogger(run_dir, name="csv")


@LOGGERS.register("wandb", packages=("wandb",))
def wandb(
    run_dir: Path, *, project: str = "cnnlab", entity: str | None = None, offline: bool = False
) -> Any:
    """Weights & Biases, one run for each run folder, grouped by sweep.

    Args:
        project: the project that the runs are added to.
        entity: a user or a team; null is the default of your account.
        offline: only write into the run folder, for ``wandb sync`` later.
    """
    from lightning.pytorch.loggers import WandbLogger

    return WandbLogger(
        name=run_dir.name,
        save_dir=run_dir,
        id=run_dir.name[-128:],  # the longest allowed; a resumed run keeps its own
        project=project,
        offline=offline,
        entity=entity,
        group=run_dir.parent.name,
    )


@LOGGERS.register("mlflow", packages=("mlflow",))
def mlflow(run_dir: Path, *, experiment: str = "cnnlab", tracking_uri: str | None = None) -> Any:
    """MLflow, one run for each run folder and session of training.

    Args:
        experiment: the experiment that the runs are added to.
        tracking_uri: the server; null is $MLFLOW_TRACKING_URI, else ``mlruns`` beside the run.
    """
    from lightning.pytorch.loggers import MLFlowLogger

    return MLFlowLogger(
        experiment_name=experiment,
        run_name=run_dir.name,
        tracking_uri=tracking_uri or os.environ.get("MLFLOW_TRACKING_URI"),
        save_dir=str(run_dir.parent / "mlruns"),
        tags={"sweep": run_dir.parent.name},
    )
