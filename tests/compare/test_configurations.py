from cnnlab.compare.configurations import label, varying_keys
from cnnlab.runs.flat import flatten, with_choices

RESNET = {"name": "resnet", "depth": 20, "shortcut": "A"}
LENET = {"name": "lenet5", "activation": "tanh"}
MLP = {"name": "mlp", "activation": "relu"}


def rows(*configs, chosen=()):
    names = [*chosen, *[None] * (len(configs) - len(chosen))]
    return [
        with_choices(config, {"model": name} if name else {})
        for config, name in zip(configs, names, strict=True)
    ]


def test_flatten():
    config = {"optim": {"lr": 0.1, "betas": [0.9, 0.99]}, "seed": 1}
    assert flatten(config) == {"optim.lr": 0.1, "optim.betas": "[0.9, 0.99]", "seed": 1}


def test_options_of_different_models_are_no_columns():
    """Neither depth, which only resnet has, nor activation, whose defaults differ by model."""
    assert varying_keys(rows({"model": RESNET}, {"model": LENET}, {"model": MLP})) == ["model"]


def test_variants_are_told_apart_by_their_names():
    deep = RESNET | {"depth": 32}
    found = varying_keys(rows({"model": RESNET}, {"model": deep}, chosen=["resnet20", "resnet32"]))
    assert found == ["model"]


def test_options_that_tell_rows_of_one_model_apart_are_columns():
    found = varying_keys(
        rows({"model": RESNET}, {"model": RESNET | {"depth": 32}}, {"model": LENET})
    )
    assert found == ["model", "model.depth"]


def test_an_option_changed_on_a_variant_is_a_column():
    changed = RESNET | {"shortcut": "B"}
    found = varying_keys(rows({"model": RESNET}, {"model": changed}, chosen=["resnet20"] * 2))
    assert found == ["model.shortcut"]


def test_run_level_keys_vary_over_all_rows_and_come_after_model_and_data():
    first = {"batch_size": 64, "trainer": {"epochs": 5}, "data": {"name": "mnist"}, "model": MLP}
    second = {
        "batch_size": 32,
        "trainer": {"epochs": 9},
        "data": {"name": "kmnist"},
        "model": LENET,
    }
    assert varying_keys(rows(first, second)) == ["model", "data", "batch_size", "trainer.epochs"]


def test_learning_rates_of_different_optimisers_are_no_column_until_one_varies():
    def optim(name, lr):
        return {"model": MLP, "optim": {"name": name, "lr": lr}}

    assert varying_keys(rows(optim("sgd", 0.1), optim("adam", 1e-3))) == ["optim"]
    swept = rows(optim("sgd", 0.1), optim("adam", 1e-3), optim("adam", 1e-2))
    assert varying_keys(swept) == ["optim", "optim.lr"]


def test_where_a_run_lies_is_never_a_column():
    def run(seed):
        return {"model": MLP, "seed": seed, "runs_dir": f"r{seed}", "sweep": {"name": f"s{seed}"}}

    assert varying_keys(rows(run(0), run(1))) == []


def test_pictures_folder_and_source_are_columns_only_where_nothing_else_tells_rows_apart():
    def run(root, source, **more):
        data = {"name": "folder", "root": root}
        return {"model": MLP, "data": data, "sources": {"model": source}, **more}

    assert varying_keys(rows(run("a", "1"), run("b", "1"))) == ["data.root"]
    assert varying_keys(rows(run("a", "1"), run("a", "2"))) == ["sources.model"]
    told_apart = rows(run("a", "1", batch_size=1), run("b", "2", batch_size=2))
    assert varying_keys(told_apart) == ["batch_size"]


def test_labels_and_values_read_as_typed():
    row = with_choices({"model": RESNET, "optim": {"lr": 0.05}, "data": {"subset": None}}, {})
    assert label(row, ["model", "optim.lr", "data.subset"]) == "resnet, lr=0.05, subset=null"
    assert label(row, ["model", "model.pool"]) == "resnet"
    twice = {"model.dropout": 0.5, "head.dropout": 0.1}
    assert label(twice, list(twice)) == "model.dropout=0.5, head.dropout=0.1"


def test_a_callback_without_options_tells_two_rows_apart():
    plain, watched = rows(
        {"model": MLP, "callbacks": {}}, {"model": MLP, "callbacks": {"norms": {}, "ema": {}}}
    )
    assert varying_keys([plain, watched]) == ["callbacks"]
    assert watched["callbacks"] == "[norms, ema]"
    earlier = rows({"model": MLP})[0]  # of the first edition, which had none
    assert varying_keys([plain, earlier]) == []
