"""Run folders by the contract, written without training."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from cnnlab.runs.run_dir import RunDir

RunMaker = Callable[..., RunDir]
MEASURED_COLUMNS = (  # of result.json: what a clock and a memory say, another thing every time
    *("train_seconds", "images_per_second", "latency_seconds"),
    *("peak_host_bytes", "peak_device_bytes"),
)


@pytest.fixture
def make_run(tmp_path: Path) -> RunMaker:
    """``make_run(seed=1, test_acc=0.9, **{"model.name": "mlp"})`` writes one run folder."""
    count = 0

    def make(
        *,
        seed: int = 0,
        test_acc: float = 0.9,
        val_acc: float = 0.9,
        model: str | None = None,
        state: str = "done",
        curve: Sequence[tuple[float, float]] = ((0.5, 1.0), (0.9, 0.5)),
        result: dict[str, Any] | None = None,
        sources: str = "aaa",
        **options: Any,
    ) -> RunDir:
        nonlocal count
        count += 1
        config: dict[str, Any] = {
            "model": {"name": "mlp"},
            "data": {"name": "digits", "size": 32, "root": None},
            "optim": {"name": "sgd", "lr": 0.1},
            "trainer": {"epochs": len(curve)},
            "seed": seed,
            "batch_size": 128,
            "runs_dir": "runs",
            "sweep": {"name": f"sweep{count}"},
            "rerun": False,
            "resume": None,
        }
        for key, value in options.items():
            node = config
            *groups, leaf = key.split(".")
            for group in groups:
                node = node[group]
            node[leaf] = value
        essential = [config[key] for key in ("model", "data", "optim", "trainer", "batch_size")]
        run = RunDir(tmp_path / "sweep" / f"run{count}")
        run.path.mkdir(parents=True)
        run.write_config(config)
        identity = {"group": repr((essential, sources)), "sources": {"model": sources}}
        run.update_status(state=state, identity=identity)
        epochs = range(1, len(curve) + 1)
        accuracies, losses = zip(*curve, strict=True)
        metrics = pd.DataFrame({"epoch": epochs, "val_acc": accuracies, "val_loss": losses})
        metrics.to_csv(run.metrics_file, index=False)
        if state == "done":
            run.write_result(
                {
                    "model": model or config["model"]["name"],
                    "data": config["data"]["name"],
                    "seed": seed,
                    "params": 1000,
                    "macs": 2000,
                    "val_acc": val_acc,
                    "test_acc": test_acc,
                    "test_macro_f1": test_acc,
                    "train_seconds": 10.0,
                    "images_per_second": 4000.0,
                    "accelerator": "cpu",
                    "split": "0123456789ab",
                }
                | (result or {})
            )
        return run

    return make
