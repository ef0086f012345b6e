import pytest

from cnnlab.compare.compare import compare
from cnnlab.registry import CnnlabError


@pytest.fixture
def with_file(make_run, tmp_path):
    """Compares three runs of mlp with the lines of a CSV file."""
    for seed, accuracy in enumerate((0.90, 0.92, 0.94)):
        make_run(seed=seed, test_acc=accuracy)

    def compared(*lines):
        file = tmp_path / "theirs.csv"
        file.write_text("\n".join(lines) + "\n")
        return compare([tmp_path / "sweep", file])

    return compared


def test_results_made_elsewhere_stand_beside_ones_own_and_are_marked(with_file):
    comparison = with_file(
        "key,seed,accuracy,params", "ResNet-56,0,93.39,850k".replace("850k", "850000"),
        "ResNet-56,1,93.01,850000", "published,,94.2,",
    )  # fmt: skip
    assert comparison.labels == ["mlp", "ResNet-56 (theirs.csv)", "published (theirs.csv)"]
    table = comparison.table
    assert list(table["test_acc"]) == pytest.approx([0.92, 0.932, 0.942])
    assert list(table["n"]) == [3, 2, 1]
    assert list(table["params"].fillna(-1)) == [1000, 850_000, -1]
    assert table["val_acc"].isna().tolist() == [False, True, True]
    assert list(table["model"]) == comparison.labels
    assert comparison.notes == [
        "rows marked (theirs.csv) were made elsewhere: their training, split and test images are "
        "not known here"
    ]
    assert comparison.findings == []


def test_their_seeds_mean_nothing_to_ones_own(with_file):
    pairs = with_file("key,seed,accuracy", "a,0,0.7", "a,1,0.701", "b,0,0.8").pairs
    assert list(pairs["test"]) == ["Welch t", "", ""]
    assert list(pairs["verdict"]) == ["better", "no claim", "no claim"]


def test_percent_signs_spaces_and_other_columns(with_file):
    comparison = with_file("Model, Seed, Test_Acc, who", "a, 0, 70.5%, me", "a, 1, 0.9%, you")
    assert list(comparison.runs["test_acc"])[3:] == pytest.approx([0.705, 0.009])


@pytest.mark.parametrize(
    ("lines", "words"),
    [
        (["key,seed", "a,0"], "no column 'accuracy'"),
        (["name of it,accuracy", "a,0"], "no column 'key'"),
        (["key,accuracy"], "has no results"),
        (["key,accuracy", "a,x"], "line 2: accuracy='x' is not a number"),
        (["key,accuracy", "a,101"], "line 2: accuracy of 101.00% is not possible"),
        (["key,accuracy", "a,-0.1"], "line 2: accuracy of -10.00% is not possible"),
        (["key,seed,accuracy", "a,0,0.9", "a,0,0.8"], "line 3: a has seed 0 twice"),
        (["key,seed,accuracy", "a,0.5,0.9"], "line 2: seed=0.5 is not a whole number"),
        (["key,accuracy", ",0.9"], "line 2: key is empty"),
        (["key,accuracy,params", "a,0.9,-3"], "line 2: params=-3 is not above 0"),
    ],
)
def test_what_is_no_result_is_refused_by_its_line(with_file, lines, words):
    with pytest.raises(CnnlabError) as refusal:
        with_file(*lines)
    assert words in str(refusal.value)
    assert "theirs.csv" in str(refusal.value)
    assert "\n" not in str(refusal.value)


def test_a_file_that_is_not_there(make_run, tmp_path):
    make_run()
    with pytest.raises(CnnlabError, match=r"none\.csv: no such file"):
        compare([tmp_path / "sweep", tmp_path / "none.csv"])
