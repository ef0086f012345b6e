"""The figure of ensembles: its lines hold the table's numbers, however many configurations."""

import pandas as pd
import pytest
from matplotlib.collections import PolyCollection

from cnnlab.compare.ensemble_figure import MAX_BANDS, ensemble_figure


def table(count: int) -> pd.DataFrame:
    rows = [
        {
            "configuration": f"model{i}",
            "k": k,
            "vote": vote,
            "error_mean": 0.3 / k + 0.01 * i + 0.02 * (vote == "hard"),
            "error_min": 0.25 / k,
            "error_max": 0.4 / k,
            "macs": k * 1e6 * 2**i,
        }
        for i in range(count)
        for k in (1, 2, 3)
        for vote in ("soft", "hard")
    ]
    return pd.DataFrame(rows)


def test_the_lines_hold_the_numbers():
    by_size, by_cost = ensemble_figure(table(2)).axes
    soft, hard, *_ = by_size.lines
    assert (soft.get_linestyle(), hard.get_linestyle()) == ("-", "--")
    assert list(soft.get_xdata()) == [1, 2, 3]
    assert list(soft.get_ydata()) == pytest.approx([30, 15, 10])
    assert list(hard.get_ydata()) == pytest.approx([32, 17, 12])
    assert list(by_cost.lines[2].get_xdata()) == pytest.approx([2e6, 4e6, 6e6])
    assert by_size.get_ylabel() == "Test error (%)"
    assert by_cost.get_xlabel() == "MACs for one image (log scale)"
    bands = [c for c in by_size.collections if isinstance(c, PolyCollection)]
    assert len(bands) == 2
    assert bands[0].get_paths()[0].get_extents().ymax == pytest.approx(40)


@pytest.mark.parametrize("count", [1, 12, 56])
def test_any_number_of_configurations_can_be_told_apart(count):
    figure = ensemble_figure(table(count))
    by_size, _ = figure.axes
    lines = [line for line in by_size.lines if line.get_linestyle() == "-"]
    assert len({(line.get_color(), line.get_marker()) for line in lines}) == count
    assert len(by_size.collections) == (count if count <= MAX_BANDS else 0)
    assert len(figure.legends) == (count > 1)
