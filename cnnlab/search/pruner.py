"""Which of the running trials are not worth going on with: Optuna's pruners."""

from optuna.pruners import BasePruner, MedianPruner, NopPruner, SuccessiveHalvingPruner

from cnnlab.search.options import SearchOptions


def make_pruner(options: SearchOptions) -> BasePruner:
    """ASHA asks after epochs 1, 3, 9, ... and keeps the best third; median after each epoch."""
    match options.pruner:
        case "asha":  # Li et al. 2020, A System for Massively Parallel Hyperparameter Tuning
            return SuccessiveHalvingPruner(min_resource=1, reduction_factor=3)
        case "median":  # Golovin et al. 2017, Google Vizier; the first five trials are let be
            return MedianPruner(n_startup_trials=5)
    return NopPruner()
