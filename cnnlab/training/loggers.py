"""Loggers, registered: ``logger=[tensorboard,csv]``, ``logger.wandb.project=mine``, ``logger=[]``.

Each is called with the run's folder and gives one of Lightning's loggers. All of them get each
epoch's row as curves and the run's options; which pictures they take is in ``record.py``. Lightning
is imported when a run begins, so that names and options are known without it.
"""

import os
from pathlib import Path
from typing import Any

from cnnlab.registry import LOGGERS


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
        project: where the runs are collected.
        entity: a user or a team; null is the default of your account.
        offline: write into the run folder alone, for ``wandb sync`` later.
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
        experiment: where the runs are collected.
        tracking_uri: of the server; null is $MLFLOW_TRACKING_URI, else ``mlruns`` beside the run.
    """
    from lightning.pytorch.loggers import MLFlowLogger

    return MLFlowLogger(
        experiment_name=experiment,
        run_name=run_dir.name,
        tracking_uri=tracking_uri or os.environ.get("MLFLOW_TRACKING_URI"),
        save_dir=str(run_dir.parent / "mlruns"),
        tags={"sweep": run_dir.parent.name},
    )
