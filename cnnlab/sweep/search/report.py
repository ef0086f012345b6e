"""The report of a search: a table of its trials, its figures, and the test of the chosen run."""

import shlex
from collections import Counter
from pathlib import Path

import pandas as pd
from optuna.study import Study
from optuna.trial import FrozenTrial, TrialState

from cnnlab.inference.evaluate import evaluate
from cnnlab.metrics import describe_column, metric_of_column
from cnnlab.runs.durable import write_text
from cnnlab.runs.run_dir import RunDir
from cnnlab.sweep.search.figures import front_figure, history_figure, importance_figure
from cnnlab.sweep.search.options import SearchOptions
from cnnlab.sweep.search.space import Space
from cnnlab.sweep.search.study import FOLDER
from cnnlab.sweep.search.trials import ERROR, RUN

OUTCOMES = {
    TrialState.COMPLETE: "complete",
    TrialState.PRUNED: "pruned",
    TrialState.FAIL: "failed",
}


def report(
    study: Study, sweep: Path, space: Space, options: SearchOptions, limit: int
) -> list[RunDir]:
    """Print and draw the trials so far; test the chosen run once there are enough of them."""
    trials = study.get_trials(deepcopy=False)
    states = Counter(trial.state for trial in trials)
    counts = ", ".join(
        f"{states[state]} {word}" for state, word in OUTCOMES.items() if states[state]
    )
    unfinished = states[TrialState.RUNNING]
    print(f"{len(trials) - unfinished} of {limit} trials: {counts or 'none finished'}")
    for error, count in Counter(_error(t) for t in trials if t.state == TrialState.FAIL).items():
        print(f"  {count} failed: {error}")
    if unfinished:
        print(f"  {unfinished} not finished; the same command continues them")
    folder = sweep / FOLDER
    write_text(folder / "trials.csv", trials_table(trials, options).to_csv(index=False))
    if not states[TrialState.COMPLETE]:
        failed = [RunDir(sweep / t.user_attrs[RUN]) for t in trials if RUN in t.user_attrs]
        return list(dict.fromkeys(failed))
    _draw(study, folder, options)
    best = front(study)
    for trial in best:
        values = zip(options.objectives, trial.values, strict=True)
        shown = ", ".join(f"{describe_column(k)} {metric_of_column(k).show(v)}" for k, v in values)
        print(f"{'best' if len(best) == 1 else 'front'}: trial {trial.number}, {shown}")
        print(f"  {command(space, trial)}")
    print(folder)
    if unfinished or len(trials) < limit:
        return []
    chosen = RunDir(sweep / best[0].user_attrs[RUN])
    test(chosen)
    return [chosen]


def front(study: Study) -> list[FrozenTrial]:
    """The best trial; of several objectives the Pareto front, the best in the first one first."""
    if len(study.directions) == 1:
        return [study.best_trial]
    sign = -1 if study.directions[0].name == "MAXIMIZE" else 1
    return sorted(study.best_trials, key=lambda trial: (sign * trial.values[0], trial.number))


def command(space: Space, trial: FrozenTrial) -> str:
    """The command that trains the configuration of a trial by itself, with its test."""
    words = [word for word in space.words(trial.params) if not word.startswith("sweep.")]
    return shlex.join(["cnnlab", "train", *words])


def test(run: RunDir) -> None:
    """Evaluate the chosen run on the test set and add the scores to result.json."""
    result = run.result()
    if "num_test" not in result:
        scores = evaluate(run)
        tested = {k: v for k, v in scores.items() if k.startswith("test_") or k == "num_test"}
        run.write_result({**result, **tested})


def trials_table(trials: list[FrozenTrial], options: SearchOptions) -> pd.DataFrame:
    """One row per trial: final state, objectives, point, run folder and error."""
    rows = []
    for trial in trials:
        values = trial.values if trial.state == TrialState.COMPLETE else None
        rows.append(
            {
                "trial": trial.number,
                "state": OUTCOMES.get(trial.state, "running"),
                **dict(zip(options.objectives, values or [], strict=bool(values))),
                "epochs": trial.last_step,
                **trial.params,
                "run": trial.user_attrs.get(RUN),
                "error": trial.user_attrs.get(ERROR),
            }
        )
    return pd.DataFrame(rows)


def _error(trial: FrozenTrial) -> str:
    return str(trial.user_attrs.get(ERROR, "no reason given"))


def _draw(study: Study, folder: Path, options: SearchOptions) -> None:
    objectives = options.objectives
    history_figure(study, objectives).savefig(folder / "history.png")
    importance = importance_figure(study, objectives)
    if importance is not None:
        importance.savefig(folder / "importance.png")
    if len(objectives) > 1:
        front_figure(study, objectives).savefig(folder / "front.png")
