from cnnlab.compare.axes import find_axes, missing_cells
from cnnlab.compare.configurations import varying_keys


def rows(*configs):
    """``rows("mlp lr=0.1")``: flat configs with a model and other options."""
    found = []
    for config in configs:
        model, *options = config.split()
        row = {"model": model, "model.name": model, "data": "digits", "data.name": "digits"}
        for option in options:
            key, _, value = option.partition("=")
            row[key] = float(value) if value.replace(".", "").isdigit() else value
        found.append(row)
    return found


def axes(*configs):
    flat = rows(*configs)
    return {axis.key: axis for axis in find_axes(flat, varying_keys(flat))}


def test_an_option_in_which_two_rows_differ_alone_was_swept():
    found = axes("mlp lr=0.1", "mlp lr=0.01", "lenet5 lr=0.1", "lenet5 lr=0.01")
    assert set(found) == {"model", "lr"}
    assert found["lr"].values == (0.01, 0.1)
    assert found["model"].values == ("mlp", "lenet5")
    assert (found["lr"].is_number, found["model"].is_number) == (True, False)


def test_an_option_that_goes_along_with_another_was_not():
    assert set(axes("mlp epochs=10", "lenet5 epochs=10", "resnet epochs=12")) == {"model"}


def test_a_model_is_swept_together_with_options_that_it_alone_has():
    assert set(axes("mlp", "resnet model.depth=20")) == {"model"}
    found = axes("mlp", "resnet model.depth=20", "resnet model.depth=32")
    assert set(found) == {"model", "model.depth"}


def test_a_geometric_series_has_a_log_axis():
    def is_log(*values):
        (axis,) = axes(*(f"mlp lr={value}" for value in values)).values()
        return axis.is_log

    assert is_log("0.001", "0.01", "0.1")
    assert is_log("0.01", "0.02", "0.05", "0.1", "0.2")
    assert is_log("16", "32", "64", "128", "256")
    assert not is_log("0", "0.25", "0.5", "0.75")
    assert not is_log("0.1", "0.2")
    assert not is_log("1", "5", "10", "15", "20")


def test_cells_of_a_grid_without_a_result_are_named():
    flat = rows("mlp lr=0.1", "mlp lr=0.01", "lenet5 lr=0.1")
    found = find_axes(flat, varying_keys(flat))
    assert missing_cells(flat, found) == ["1 cell of the grid without a result: lenet5, lr=0.01"]
    assert missing_cells(rows("mlp", "lenet5"), []) == []


def test_what_is_mostly_empty_is_no_grid():
    flat = rows("mlp lr=0.1", "mlp lr=0.2", "mlp lr=0.3", "lenet5 lr=0.4", "resnet lr=0.5")
    assert missing_cells(flat, find_axes(flat, varying_keys(flat))) == []
