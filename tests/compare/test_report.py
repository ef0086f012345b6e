import io
from pathlib import Path

import pandas as pd
import pytest
from rich.console import Console

from cnnlab.compare.compare import compare
from cnnlab.compare.report import as_markdown, report_folder, write_report
from cnnlab.compare.terminal_table import print_report
from cnnlab.registry import CnnlabError


@pytest.fixture
def comparison(make_run, tmp_path):
    """resnet20 (0.90, 0.92, 0.94 on test) before mlp (one seed)."""
    for seed, accuracy in enumerate((0.90, 0.92, 0.94)):
        cost = {"params": 269_722, "macs": 40_551_808, "train_seconds": 12.34}
        name = {"model": "resnet20", "model.name": "resnet"}
        make_run(seed=seed, test_acc=accuracy, val_acc=0.93, result=cost, **name)
    make_run(seed=0, test_acc=0.8, val_acc=0.81)
    return compare([tmp_path])


def printed(comparison, width):
    console = Console(file=io.StringIO(), width=width)
    print_report(comparison, console)
    return console.file.getvalue()


def test_terminal_table_at_120_columns_holds_each_row_on_one_line(comparison):
    lines = printed(comparison, 120).splitlines()
    resnet = next(line.split() for line in lines if line.startswith("resnet20"))
    assert " ".join(resnet) == (
        "resnet20 3 92.00 ± 2.00 [87.03, 96.97] 93.00 269.7k 40.6M 12.3 s 4.0k"
    )
    mlp = next(line.split() for line in lines if line.startswith("mlp"))
    assert " ".join(mlp) == "mlp 1 80.00 81.00 1.0k 2.0k 10.0 s 4.0k"


@pytest.mark.parametrize("width", [60, 80, 120, 200])
def test_terminal_table_wraps_no_number_at_any_width(comparison, width):
    text = printed(comparison, width)
    assert max(map(len, text.splitlines())) <= width
    for cell in ("92.00 ± 2.00", "[87.03, 96.97]", "269.7k", "40.6M", "12.3 s", "resnet20"):
        assert cell in text


def test_a_narrow_terminal_stacks_intervals_under_means(make_run, tmp_path):
    for seed in (0, 1):
        for lr in (0.1, 0.2):
            options = {"optim.lr": lr, "trainer.epochs": int(lr * 10), "batch_size": int(lr * 100)}
            make_run(seed=seed, test_acc=lr + 0.1 * seed, **options)
    lines = printed(compare([tmp_path]), 80).splitlines()
    first = next(i for i, line in enumerate(lines) if line.startswith("0.1 "))
    assert "15.00 ± 7.07" in lines[first]
    assert "[0.00, 78.53]" in lines[first + 1]


def test_notes_and_verdict_follow_the_table(comparison):
    text = " ".join(printed(comparison, 120).split())
    finding = "Differs: seeds: mlp lacks seeds 1, 2 (paired tests use the common ones: 0)."
    note = "Note: a row with n = 1 has no interval"
    places = [text.index(part) for part in (finding, "resnet20 3", note, comparison.verdicts[0])]
    assert places == sorted(places)


def test_csv_holds_full_precision(comparison, tmp_path):
    write_report(comparison, tmp_path / "report")
    read = pd.read_csv(tmp_path / "report" / "results.csv")
    # Before pandas 3.1 reading may miss the last bit.
    pd.testing.assert_frame_equal(read, comparison.table, rtol=1e-15, atol=0, check_dtype=False)
    assert read["test_acc_low"][0] == pytest.approx(0.92 - 0.0496827, abs=1e-7)
    assert read["test_acc_low"].isna().tolist() == [False, True]


def test_markdown_holds_the_table_notes_and_verdict(comparison):
    lines = as_markdown(comparison).splitlines()
    assert lines[0] == "# Comparison: 2 models on digits"
    assert lines[2].startswith("- **Differs: seeds: mlp lacks seeds 1, 2")
    assert lines[4:6] == [
        "| model | n | test acc % | val acc % | params | MACs | train | images/s |",
        "| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |",
    ]
    assert lines[6] == (
        "| resnet20 | 3 | 92.00 ± 2.00 [87.03, 96.97] | 93.00 | 269.7k | 40.6M | 12.3 s | 4.0k |"
    )
    assert any(line.startswith("- Note: a row with n = 1 has no interval") for line in lines)
    assert lines[-1] == f"- {comparison.verdicts[0]}"


def test_report_folder(comparison, tmp_path):
    paths = write_report(comparison, tmp_path / "deep" / "report")
    assert [path.name for path in paths[:3]] == ["results.csv", "pairs.csv", "results.md"]
    assert [path.name for path in paths[3:]] == ["curves.png", "cost.png"]
    for path in paths[3:]:
        assert path.read_bytes().startswith(b"\x89PNG")
    assert sorted(path.parent.iterdir()) == sorted(paths)


def test_no_two_comparisons_share_a_folder(tmp_path, make_run, monkeypatch):
    monkeypatch.chdir(tmp_path)
    runs = [make_run(seed=seed) for seed in (0, 1)]
    sweep = Path("sweep")
    assert report_folder([sweep]) == sweep / "comparison"
    both = report_folder([sweep, Path("other")])
    assert both.parent == Path("comparisons")
    assert both.name.startswith("other-sweep-")
    assert report_folder([Path("other"), sweep]).name == both.name
    one, two = (report_folder([run.path.relative_to(tmp_path)]) for run in runs)
    assert one.parent == two.parent == Path("comparisons")
    assert len({one, two, both, report_folder([run.path for run in runs])}) == 4


def test_a_report_that_cannot_be_written_is_refused(comparison, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(
        CnnlabError, match=r"file/report: not a directory; use another folder with --out FOLDER"
    ):
        write_report(comparison, tmp_path / "file" / "report")
