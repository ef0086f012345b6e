"""Which runs count: damaged ones by name, each of several starts, one of several continuations."""

import pytest

from cnnlab.compare.compare import compare
from cnnlab.compare.figures import cost_figure, curves_figure
from cnnlab.compare.report import as_markdown
from cnnlab.registry import CnnlabError

INIT = {"freeze": None, "head": "keep"}


def drawn(comparison):
    """The number of rows; the figures and the page can be made."""
    axes = curves_figure(comparison).axes[0]
    assert len(axes.lines) == len(comparison.table)
    cost_figure(comparison)
    as_markdown(comparison)
    assert len(set(comparison.labels)) == len(comparison.labels) == len(comparison.table)
    return len(comparison.table)


@pytest.fixture
def make_started(make_run):
    """A run of one group, whatever weights it starts from: as runs of one pretraining's seeds."""

    def make(start, seed, *, option="init", sources="aaa", **options):
        run = make_run(seed=seed, sources=sources, **options)
        config = run.config() | ({"resume": start} if option == "resume" else {})
        if option == "init":
            config["init"] = {"from": start, **INIT}
        run.write_config(config)
        return run

    return make


def test_three_starts_with_three_seeds_are_nine_runs(make_started, tmp_path):
    for start in range(3):
        for seed in range(3):
            accuracy = 0.9 + 0.01 * start + 0.001 * seed
            make_started(f"runs/pre/mlp_digits_seed{start}-0000000{start}", seed, test_acc=accuracy)
    comparison = compare([tmp_path])
    (row,) = comparison.table.to_dict("records")
    assert row["n"] == 9
    assert row["test_acc"] == pytest.approx(0.911)
    assert comparison.notes == [
        "the 9 runs of mlp start from 3 trained runs: those with the same start are not independent"
    ]
    assert len(comparison.curves) == 18
    assert drawn(comparison) == 1


def test_three_starts_with_one_seed_are_three_runs(make_started, tmp_path):
    for start in range(3):
        make_started(f"mlp_seed{start}-0000000{start}", 0)
    comparison = compare([tmp_path])
    assert list(comparison.table["n"]) == [3]
    assert comparison.notes == []


def test_two_weight_files_of_one_name(make_started, tmp_path):
    for place in "ab":
        for seed in range(2):
            make_started(
                f"{place}/weights.pth", seed, sources=place, val_acc=0.9 - ord(place) / 999
            )
    comparison = compare([tmp_path])
    assert list(comparison.table["n"]) == [2, 2]
    assert list(comparison.table["init.from"]) == ["a/weights.pth", "b/weights.pth"]
    assert comparison.labels == ["from=a/weights.pth", "from=b/weights.pth"]
    assert drawn(comparison) == 2


def test_rows_that_look_the_same_are_numbered(make_run, tmp_path):
    """As after the file of weights was overwritten: nothing that is shown tells them apart."""
    for group in "ab":
        for seed in range(2):
            run = make_run(seed=seed, val_acc=0.9 if group == "a" else 0.8)
            identity = run.status()["identity"] | {"group": group}
            run.update_status(identity=identity)
    comparison = compare([tmp_path])
    assert comparison.labels == ["mlp", "mlp (2)"]
    assert comparison.verdicts == ["mlp against mlp (2): no spread between seeds, so no claim."]
    assert drawn(comparison) == 2


def test_seeds_that_continue_one_run_count_once(make_started, tmp_path):
    for seed in range(3):
        make_started("runs/first/mlp_digits_seed0-01234567", seed, option="resume")
    comparison = compare([tmp_path])
    assert list(comparison.table["n"]) == [1]
    assert comparison.notes == [
        "2 runs that continue the same run with another seed left out: not independent of it"
    ]
    make_started("runs/first/mlp_digits_seed1-11234567", 1, option="resume")
    assert list(compare([tmp_path]).table["n"]) == [2]


FAULTS = [
    ("status.json", b"\xff\xfe", "is not UTF-8 text"),
    ("status.json", b"{", "Expecting property name"),
    ("status.json", b'{"state": "done", "updated": 1}', "has no identity or no time"),
    ("status.json", b'{"state": "done", "identity": [1]}', "identity=[1] is not a mapping"),
    ("result.json", b"[]", "holds [], not a mapping"),
    ("result.json", b'{"seed": "x"}', "seed='x' is not a count"),
    ("result.json", b'{"test_acc": 1}', "has no 'model'"),
    ("result.json", "NaN", "test_acc is nan"),
    ("result.json", "1e999", "test_acc is inf"),
    ("result.json", "1e300", "test_acc=1e+300 is not a number"),
    ("result.json", "null", "test_acc=None is not a number"),
    ("result.json", '"0.9"', "test_acc='0.9' is not a number"),
    ("config.yaml", b"model: [", "while parsing"),
    ("config.yaml", b"- 1", "holds [1], not a mapping"),
    ("config.yaml", b"model: 3\n", "model=3 is not a choice"),
    ("config.yaml", b"seed: 3\n", "names no model or no data set"),
    ("metrics.csv", b"", "No columns to parse"),
    (
        "metrics.csv",
        b"epoch,val_acc,val_loss\n1,x,1\n",
        "column 'val_acc' has values that are not numbers",
    ),
    ("metrics.csv", b"epoch,val_loss\n1,1\n", "has no column 'val_acc'"),
    ("metrics.csv", b"val_acc,val_loss\n1,1\n", "no column 'epoch'"),
    ("metrics.csv", b"epoch,val_acc,val_loss\n\x00\xff,1,1\n", "not UTF-8 text"),
    ("metrics.csv", None, "no such file"),
]


@pytest.mark.parametrize(("name", "content", "fault"), FAULTS)
def test_a_damaged_run_is_left_out_by_name(make_run, tmp_path, name, content, fault):
    whole, damaged = make_run(seed=0), make_run(seed=1)
    file = damaged.path / name
    if content is None:
        file.unlink()
    elif isinstance(content, str):
        file.write_text(file.read_text().replace('"test_acc": 0.9', f'"test_acc": {content}'))
    else:
        file.write_bytes(content)
    comparison = compare([tmp_path])
    assert list(comparison.table["seeds"]) == ["0"]
    (note,) = comparison.notes
    assert note.startswith(f"damaged run left out: {file}: ")
    assert fault in note
    assert drawn(comparison) == 1
    for file in whole.path.iterdir():
        file.unlink()
    with pytest.raises(CnnlabError, match=r"no run in|damaged run left out"):
        compare([damaged, whole] if name != "status.json" else [damaged])


def test_many_damaged_runs_are_counted(make_run, tmp_path):
    make_run(seed=0)
    for seed in range(1, 9):
        make_run(seed=seed).result_file.write_text("[]")
    notes = compare([tmp_path]).notes
    assert len(notes) == 6
    assert notes[-1] == "3 more damaged runs left out"


def test_folders_pipes_and_loops_in_place_of_files(make_run, tmp_path):
    import os

    make_run(seed=0)
    for seed, name in enumerate(("status.json", "result.json", "config.yaml", "metrics.csv"), 1):
        for how in ("folder", "pipe", "loop"):
            file = make_run(seed=seed).path / name
            file.unlink()
            if how == "folder":
                file.mkdir()
            elif how == "pipe":
                os.mkfifo(file)
            else:
                file.symlink_to(file)
    comparison = compare([tmp_path])
    assert list(comparison.table["seeds"]) == ["0"]
    assert comparison.notes[-1] == "7 more damaged runs left out"
    assert sum("is not a file" in note or "is a folder" in note for note in comparison.notes) >= 2
