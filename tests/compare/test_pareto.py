"""The test metric against costs: the front, what is dominated, and what is left out."""

import pytest
from matplotlib.colors import to_hex

from cnnlab.compare.compare import compare
from cnnlab.compare.figures import cost_figure, curves_figure, pareto_figure
from cnnlab.compare.figures.style import COLORS, GREY
from cnnlab.registry import CnnlabError


@pytest.fixture
def make_model(make_run):
    """As ``make_run``, of a model with its accuracy, parameters and other results."""

    def make(name, accuracy, params, *, seed=0, **result):
        options = {"test_acc": accuracy, "val_acc": accuracy, "model.name": name}
        return make_run(seed=seed, result={"params": params} | result, **options)

    return make


def caption(figure):
    return " ".join(figure.texts[-1].get_text().split())


def points(axes):
    """Each point as drawn, by position: its colour, and whether it is hollow."""
    marks = [container.lines[0] for container in axes.containers]
    return {
        (round(float(mark.get_xdata()[0]), 4), round(float(mark.get_ydata()[0]), 4)): (
            to_hex(mark.get_color()).upper(),
            mark.get_markerfacecolor() == "white",
            mark.get_marker(),
        )
        for mark in marks
    }


def test_front_and_dominated(make_model, tmp_path):
    make_model("small", 0.90, 1000)
    make_model("large", 0.96, 64_000)
    make_model("wasteful", 0.92, 128_000)
    figure = pareto_figure(compare([tmp_path]), "parameters")
    (axes,) = figure.axes
    corners, right = axes.lines[0].get_xydata().tolist(), axes.get_xlim()[1]
    assert corners == [[1000, 90], [64_000, 90], [64_000, 96], [right, 96]]
    assert points(axes) == {
        (64_000, 96): (COLORS[0], False, "o"),
        (128_000, 92): (GREY, False, "o"),
        (1000, 90): (COLORS[2], False, "o"),
    }
    assert caption(figure) == "Line: the Pareto front. Dominated (grey): wasteful."


def test_more_throughput_is_better(make_model, tmp_path):
    make_model("slow", 0.96, 1000, images_per_second=100.0)
    make_model("fast", 0.90, 1000, images_per_second=900.0)
    make_model("neither", 0.90, 1000, images_per_second=100.0)
    figure = pareto_figure(compare([tmp_path]), "throughput")
    (axes,) = figure.axes
    corners = axes.lines[0].get_xydata()[:3].tolist()
    assert corners == [[900, 90], [100, 90], [100, 96]]
    assert "Dominated (grey): neither." in caption(figure)
    assert axes.get_xscale() == "linear"


def test_times_of_other_devices_are_not_drawn_but_their_parameters_are(make_model, tmp_path):
    recorded = {"torch": "2.9", "cnnlab": "1", "latency_seconds": 0.002}
    make_model("a", 0.95, 3000, device="this processor", **recorded)
    make_model("b", 0.90, 2000, device="this processor", **recorded)
    make_model("c", 0.93, 4000, device="a GPU", **recorded | {"latency_seconds": 0.001})
    (tmp_path / "paper.csv").write_text("model,accuracy,params\npublished,97,9000\n")
    comparison = compare([tmp_path, tmp_path / "paper.csv"])
    figure = pareto_figure(comparison, "single-image latency")
    assert sorted(points(figure.axes[0])) == [(2, 90), (2, 95)]
    assert figure.axes[0].get_xlabel() == "Single-image latency (ms, log scale)"
    said = caption(figure)
    assert "Single-image latency: 1 configuration timed on another device left out." in said
    assert "1 configuration without single-image latency left out." in said
    params, _, latency = cost_figure(comparison).axes
    assert points(params)[9000, 97] == (COLORS[3], True, "o")
    assert len(points(params)) == 4
    assert len(points(latency)) == 2


def test_an_ensemble_has_a_marker_of_its_own_at_its_cost(make_model, tmp_path):
    other = make_model("lenet5", 0.95, 3000)
    run = make_model("lenet5", 0.97, 9000, ensemble=3, metric="accuracy")
    config = run.config()
    run.write_config(config | {"batch_size": 64})
    result = run.result()
    run.write_result({k: v for k, v in result.items() if k not in ("val_acc",)})
    run.update_status(identity={"group": "ensemble", "sources": {}})
    run.metrics_file.unlink()
    figure = pareto_figure(compare([tmp_path]), "parameters")
    assert points(figure.axes[0])[9000, 97] == (COLORS[1], False, "D")
    assert "Diamonds: ensembles." in caption(figure)
    (other.path / "status.json").write_text('{"state": "failed"}')
    curves = curves_figure(compare([tmp_path]))  # of the ensemble alone
    assert caption(curves) == "No configuration has learning curves."


def test_costs_that_are_not_known(make_model, tmp_path):
    make_model("a", 0.95, 3000)
    comparison = compare([tmp_path])
    assert pareto_figure(comparison, "peak GPU memory") is None
    with pytest.raises(CnnlabError, match="no cost 'latency'"):
        pareto_figure(comparison, "latency")
