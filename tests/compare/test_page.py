import base64
import io
import json
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from cnnlab.compare.compare import compare
from cnnlab.compare.page import render as page
from cnnlab.compare.page.cells import configuration_columns, pair_columns
from cnnlab.compare.page.chart import ticks
from cnnlab.compare.page.cost_chart import cost_charts
from cnnlab.compare.page.curves_chart import curve_bands, curves_charts
from cnnlab.compare.page.latex import best_row, latex_table
from cnnlab.compare.page.mistake_pictures import mistake_pictures
from cnnlab.compare.page.overview import overview
from cnnlab.compare.page.references import bibtex, data_papers, references
from cnnlab.compare.page.sweep_chart import sweep_charts
from cnnlab.compare.page.write import report_files, write_page
from cnnlab.discovery import discover
from cnnlab.metrics import METRICS
from cnnlab.registry import DATASETS, MODELS, CnnlabError
from cnnlab.runs.mistakes import write_mistakes
from cnnlab.text import as_script

HOSTILE = "</script><img src=x onerror=alert(1)>\"'&"


class _Elements(HTMLParser):
    """The elements of a page, its texts, and what is in its scripts."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.texts: list[str] = []
        self.scripts: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        assert not any(name.startswith("on") for name, _ in attrs)

    def handle_data(self, data):
        (self.scripts if self.tags and self.tags[-1] == "script" else self.texts).append(data)


@pytest.fixture
def rendered(monkeypatch):
    """The page of a comparison without the bundle, which takes seconds to make."""
    monkeypatch.setattr(page, "javascript", lambda: "")
    return lambda comparison, title="A title": page.render(comparison, title, "cnnlab report runs")


@pytest.fixture
def two_models(make_run, tmp_path):
    """resnet (0.90, 0.92, 0.94) and mlp (0.70, 0.71, 0.72), three seeds each."""
    for seed in range(3):
        make_run(seed=seed, test_acc=0.90 + 0.02 * seed, val_acc=0.95, **{"model.name": "resnet"},
                 result={"params": 5000, "num_test": 1000})  # fmt: skip
        make_run(seed=seed, test_acc=0.70 + 0.01 * seed, val_acc=0.75, result={"num_test": 1000})
    return compare([tmp_path])


def test_nothing_from_a_run_becomes_html(make_run, tmp_path, rendered):
    for name in (HOSTILE, "mlp"):
        run = make_run(**{"model.name": name})
        np.savez(run.outputs_file("logits"), logits=np.eye(2, dtype="f4"), labels=np.array([0, 1]))
        parts = {part: {"count": 2, "digest": "aa"} for part in ("train", "val", "test")}
        run.data_file.write_text(json.dumps({"classes": [HOSTILE, "dog"], "parts": parts}))
        run.env_file.write_text(json.dumps({"command": ["cnnlab", "train", HOSTILE]}))
    text = rendered(compare([tmp_path]), title=HOSTILE)
    elements = _Elements(text)
    assert elements.tags.count("script") == 3
    assert "img" not in elements.tags
    assert text.count("<img") == 0
    assert elements.tags.count("h1") == 1
    assert any(HOSTILE in said for said in elements.texts)
    specs = json.loads(elements.scripts[0])["specs"]
    assert HOSTILE in json.dumps(specs, ensure_ascii=False).replace('\\"', '"')


def test_what_is_in_a_script_cannot_end_it():
    text = as_script(["</script>", "<!--", "a & b", "\u2028\u2029"])
    assert not set("<>&\u2028\u2029") & set(text)
    assert json.loads(text) == ["</script>", "<!--", "a & b", "\u2028\u2029"]


def test_what_spoils_the_comparison_stands_first(make_run, tmp_path, rendered):
    make_run(seed=0, curve=[(0.5, 1.0)] * 12, **{"model.name": "resnet"})
    make_run(seed=0, curve=[(0.5, 1.0)] * 10)
    text = rendered(compare([tmp_path]))
    said = "trainer.epochs: "
    assert "Spoils the comparison:" in text
    assert text.index("</h1>") < text.index(said) < text.index('class="lede"')


def test_the_table_has_what_rows_have(two_models):
    columns = {column.heading: column.cells for column in configuration_columns(two_models)}
    assert list(columns) == [
        *("n", "test acc %", "95% interval", "binomial ±", "val acc %", "test macro-F1 %"),
        *("params", "MACs", "train", "images/s"),
    ]
    first = {heading: cells[0] for heading, cells in columns.items()}
    assert first["test acc %"].text == "92.00 ± 2.00"
    assert first["test acc %"].value == pytest.approx(0.92)
    assert first["95% interval"].text == "[87.03, 96.97]"
    assert first["binomial ±"].text == "0.86"  # 100 sqrt(0.92 * 0.08 / 1000)
    assert (first["params"].text, first["params"].value) == ("5.0k", 5000)


def test_the_tests_of_pairs_are_shown(two_models):
    columns, left_out = pair_columns(two_models)
    row = {column.heading: column.cells[0].text for column in columns}
    assert left_out == 0
    assert row["difference (points)"] == "+21.00"
    assert row["test"] == "paired t, n = 3"
    assert row["p"] == row["p (Holm)"] == "< 0.001"
    assert row["verdict"] == "better"


def test_what_varied_and_what_was_equal(two_models):
    about = overview(two_models)
    assert about.question == (
        "2 configurations of the models resnet, mlp on digits, 3 seeds each: 6 finished runs"
    )
    assert about.varied == [("model", "resnet, mlp"), ("seed", "0, 1, 2")]
    assert ("learning rate", "0.1") in about.equal
    assert ("split", "0123456789ab") in about.equal
    keys = {key for key, _ in about.others}
    assert "data.size" in keys
    assert not keys & {"seed", "runs_dir", "sweep.name"}


def test_bands_on_a_log_axis_are_geometric():
    curves = pd.DataFrame(
        {"label": "a", "run": list("xxyy"), "epoch": [1, 2, 1, 2], "val_loss": [0.01, 1, 1, np.nan]}
    )
    bands = curve_bands(curves, METRICS["cross entropy"])
    assert bands["epoch"].tolist() == [1]  # the second run has no second epoch
    factor = np.exp(np.log([0.01, 1]).std(ddof=1))
    assert bands["mean"][0] == pytest.approx(0.1)
    assert bands["low"][0] == pytest.approx(0.1 / factor)
    assert bands["high"][0] == pytest.approx(0.1 * factor)


def test_single_runs_have_no_band(make_run, tmp_path):
    make_run(**{"model.name": "resnet"})
    make_run()
    kinds = [
        [layer["mark"]["type"] for layer in spec["layer"] if "mark" in layer]
        for _, spec in curves_charts(compare([tmp_path]))
    ]
    assert kinds == [["line"], ["line"]]
    make_run(seed=1)
    (_, spec), _ = curves_charts(compare([tmp_path]))
    assert [layer["mark"]["type"] for layer in spec["layer"][:2]] == ["area", "line"]


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [
        (0.023, 0.056, [0.03, 0.04, 0.05]),
        (0.05, 6, [0.05, 0.1, 0.2, 0.5, 1, 2, 5]),
        (1, 1e9, [1, 10, 100, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9]),
    ],
)
def test_a_log_axis_has_some_round_numbers(low, high, expected):
    assert ticks(low, high) == expected


def test_times_are_of_one_device_and_dominated_rows_are_listed(make_run, tmp_path):
    for i, (name, accuracy, device) in enumerate(
        (("a", 0.9, "CPU"), ("b", 0.8, "CPU"), ("c", 0.95, "CPU"), ("d", 0.99, "GPU"))
    ):
        record = {"train_seconds": 2.0**i, "device": device, "torch": "2", "params": 10}
        make_run(test_acc=accuracy, result=record, **{"model.name": name})
    charts = {chart.name: chart for chart in cost_charts(compare([tmp_path]))}
    time = charts["training time"]
    assert (time.front, time.dominated) == (["a", "c"], ["b"])
    assert (time.elsewhere, time.device) == (["d"], "CPU")
    assert "parameters" not in charts  # all have the same number


def test_a_swept_number_is_a_line_and_two_are_heat_maps(make_run, tmp_path):
    for name in ("mlp", "resnet"):
        for lr in (0.001, 0.01, 0.1):
            make_run(test_acc=0.9 - lr, **{"model.name": name, "optim.lr": lr})
    (chart,) = sweep_charts(compare([tmp_path]))
    assert chart.title == "Test accuracy against optim.lr"
    assert {style.label for style in chart.lines} == {"mlp", "resnet"}
    x = chart.spec["layer"][1]["encoding"]["x"]
    assert x["scale"]["type"] == "log"
    assert x["axis"]["title"] == "optim.lr (log scale)"
    points = {(p["name"], p["x"]): p["m"] for p in chart.spec["data"]["values"]}
    assert points["mlp", 0.01] == pytest.approx(89)
    for lr in (0.001, 0.01, 0.1):
        make_run(test_acc=0.5, batch_size=64, **{"optim.lr": lr})
    maps = sweep_charts(compare([tmp_path]))
    assert [chart.title for chart in maps] == [
        "Test accuracy by optim.lr and batch_size: mlp",
        "Test accuracy by optim.lr and batch_size: resnet",
    ]
    assert len(maps[0].spec["data"]["values"]) == 6


def test_latex_is_bold_where_the_tests_support_it(two_models, make_run, tmp_path):
    lines = latex_table(two_models).splitlines()
    assert best_row(two_models) == "resnet"
    assert lines[4] == r"Configuration & $n$ & Test acc \% & params & MACs & train & images/s \\"
    assert lines[6].startswith(r"resnet & 3 & $\mathbf{92.00} \pm 2.00$ & 5.0k &")
    assert lines[7].startswith(r"mlp & 3 & $71.00 \pm 1.00$ & 1.0k &")
    for seed in range(3):  # as good as the best
        make_run(seed=seed, test_acc=0.9 + 0.03 * seed, **{"model.name": "a_b & 50%"})
    text = latex_table(compare([tmp_path]))
    assert r"a\_b \& 50\% & 3" in text
    assert "mathbf" not in text


def test_pictures_of_mistakes_name_truth_and_guess(make_run, tmp_path):
    for seed in (0, 1):
        run = make_run(seed=seed)
        parts = {part: {"count": 9, "digest": "aa"} for part in ("train", "val", "test")}
        run.data_file.write_text(json.dumps({"classes": ["cat", "dog"], "parts": parts}))
        pixels = np.arange(18, dtype=np.uint8).reshape(1, 2, 3, 3)[:, :1]
        confidence = np.array([0.9 + 0.05 * seed])
        write_mistakes(run.path / "mistakes.npz", pixels, np.array([0]), np.array([1]), confidence,
                       np.array([7]))  # fmt: skip
    ((label, (picture,)),) = mistake_pictures(compare([tmp_path]))
    assert label == "mlp"
    assert (picture.truth, picture.guess, picture.index) == ("cat", "dog", 7)
    assert picture.confidence == pytest.approx(0.95)
    assert picture.seeds == "seeds 0, 1"
    data = base64.b64decode(picture.data.removeprefix("data:image/png;base64,"))
    assert np.array_equal(np.asarray(Image.open(io.BytesIO(data))), pixels[0, 0])


def test_every_paper_of_the_registry_can_be_cited(make_run, tmp_path):
    discover([])
    models = {entry.paper for entry in MODELS if entry.component.__module__.startswith("cnnlab.")}
    assert models - {""} <= set(bibtex())
    papers = {entry.name: entry.paper for entry in DATASETS if entry.paper}
    assert {name: data_papers().get(name) for name in papers} == papers
    assert len(set(bibtex().values())) == len(bibtex()) > 15
    make_run(result={"paper": "He et al. 2016, Deep residual learning for image recognition"})
    cited = references(compare([tmp_path]))
    assert [(each.of, "@" in each.bibtex) for each in cited] == [
        (("mlp",), True),
        (("digits",), True),
    ]


@pytest.mark.slow
def test_all_files_are_written_and_markdown_is_escaped(make_run, tmp_path, monkeypatch):
    monkeypatch.setattr(page, "javascript", lambda: "")
    make_run(**{"model.name": "a|b<i>"})
    comparison = compare([tmp_path])
    files = report_files(str(tmp_path / "out" / "my.html"), [tmp_path])
    words = ["cnnlab", "report", "a b", "\n````\n<b>"]
    paths = write_page(comparison, files, title="T", words=words, latex=True)
    assert [path.name for path in paths] == ["my.html", "my.md", "my_table.tex"]
    assert all(path.is_file() for path in paths)
    text = files.markdown.read_text()
    assert r"a\|b&lt;i&gt;" in text
    assert "\n`````sh\ncnnlab report 'a b'" in text
    assert "![Learning curves](my_files/curves.png)" in text
    assert (files.figures / "curves.png").is_file()
    assert not list(tmp_path.rglob("*.part"))


def test_where_a_report_goes(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("runs", "folder.html"):
        Path(name).mkdir()
    Path("file").touch()
    runs = [Path("runs")]
    assert report_files(None, runs).page == Path("runs/comparison/report.html")
    assert report_files("here", runs).page == Path("here/report.html")
    assert report_files("here", runs).latex == Path("here/table.tex")
    assert report_files("a/b.html", runs).markdown == Path("a/b.md")
    for out, said in (
        ("folder.html", "is a folder"),
        ("file/a.html", "file is a file, not a folder"),
        ("report.pdf", "a report ends in .html"),
        ("", "needs a value"),
    ):
        with pytest.raises(CnnlabError, match=said):
            report_files(out, runs)
