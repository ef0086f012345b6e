"""``cnnlab predict`` and ``Run.predict``: what is predicted, skipped, refused and written."""

import csv
import io
import json
import webbrowser
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from cnnlab.inference.contact_sheet import contact_sheet
from cnnlab.inference.ensemble.members import find_seed_sweeps
from cnnlab.inference.ensemble.save import save
from cnnlab.inference.load import load_run
from cnnlab.registry import CnnlabError
from cnnlab.runs.run_dir import RunDir


@pytest.fixture(scope="session")
def ensemble(two_runs: list[RunDir], tmp_path_factory: pytest.TempPathFactory) -> RunDir:
    (sweep,), _ = find_seed_sweeps(two_runs)
    return save(sweep, tmp_path_factory.mktemp("ensemble"))


def digits(count: int = 4) -> list[np.ndarray]:
    """Images as those of data=digits, of 32x32, and their classes."""
    from sklearn.datasets import load_digits

    images = torch.from_numpy(load_digits().images[:count]).float()[:, None]
    enlarged = torch.nn.functional.interpolate(images, (32, 32), mode="bilinear")
    return list(enlarged.mul(255 / 16).round().to(torch.uint8)[:, 0].numpy())


@pytest.mark.slow
def test_probabilities_are_those_of_the_network(two_runs, ensemble) -> None:
    single = [load_run(run) for run in two_runs]
    both = load_run(ensemble)
    images = digits()
    inputs = torch.from_numpy(np.stack(images))[:, None]
    shares = []
    for run in (*single, both):
        found = run.predict(images)
        assert [each.file for each in found] == [f"picture {n}" for n in (1, 2, 3, 4)]
        assert torch.equal(
            torch.cat([run.preprocess(image) for image in images]), run.preprocess.normalise(inputs)
        )
        with torch.no_grad():
            expected = run.model(run.preprocess.normalise(inputs)).softmax(1)
        shares.append(
            torch.tensor(
                [[p.probabilities[p.classes.index(str(k))] for k in range(10)] for p in found]
            )
        )
        torch.testing.assert_close(shares[-1], expected)
        for each in found:
            assert list(each.probabilities) == sorted(each.probabilities, reverse=True)
            assert each.notes == ()
    torch.testing.assert_close(shares[2], (shares[0] + shares[1]) / 2)
    (one,) = both.predict(Image.fromarray(images[0]), top=2)
    assert one.classes == both.predict(images)[0].classes[:2]


def test_in_batches_as_one_by_one(two_runs, monkeypatch: pytest.MonkeyPatch) -> None:
    run, images = load_run(two_runs[0]), digits(7)
    together = run.predict(images, top=1)
    monkeypatch.setattr("cnnlab.inference.predict.MOST_AT_ONCE", 3)
    again = run.predict(images, top=1)
    assert [each.file for each in again] == [each.file for each in together]
    assert [each.classes for each in again] == [each.classes for each in together]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """``own``, with four digits of which two are below, a text called .png, and a true text."""
    below = tmp_path / "own" / "more"
    below.mkdir(parents=True)
    for number, image in enumerate(digits()):
        place = below if number > 1 else below.parent
        Image.fromarray(255 - image).resize((64, 64)).save(place / f"{number}.png")
    (below.parent / "1.5.png").write_text("no picture")
    (below.parent / "notes.txt").write_text("a text")
    return below.parent


@pytest.mark.usefixtures("folder")
def test_a_folder_on_the_command_line(cnnlab, two_runs, monkeypatch) -> None:
    opened: list[str] = []
    monkeypatch.setattr(webbrowser, "open", opened.append)
    answer = cnnlab("predict", str(two_runs[0]), "own", "--top", "2", "--out", "seen", "--show")
    assert answer.code == 1
    assert answer.err.splitlines() == [
        "own: 1 file ignored, of other kinds ('.txt')",
        "cnnlab: own/1.5.png: is not a picture, or of a format that is not known; skipped",
    ]
    *table, written = answer.out.splitlines()
    files = [line.split()[0] for line in table if "own/" in line]
    assert files == ["own/0.png", "own/1.png", "own/more/2.png", "own/more/3.png"]
    assert "inverted (dark on light), cropped to the ink (" in table[2]
    assert len([line for line in table if "%" in line]) == 8
    assert written == "seen/predictions.png"
    with Image.open(written) as sheet:
        assert sheet.size == (4 * 405, 385)
    assert opened == [Path(written).absolute().as_uri()]


def test_csv_and_json(cnnlab, two_runs, folder) -> None:
    (folder / "1.5.png").unlink()
    words = ["predict", str(two_runs[0]), "own/0.png", "own/more", "--out", "sheet.png"]
    answer = cnnlab(*words, "--csv")
    assert (answer.code, answer.err) == (0, "sheet.png\n")
    rows = list(csv.DictReader(io.StringIO(answer.out)))
    assert [row["file"] for row in rows] == ["own/0.png", "own/more/2.png", "own/more/3.png"]
    content = json.loads(cnnlab(*words, "--json").out)
    for row, entry in zip(rows, content, strict=True):
        assert entry["file"] == row["file"]
        for rank, guess in enumerate(entry["guesses"], 1):
            assert row[f"class_{rank}"] == guess["class"]
            assert float(row[f"probability_{rank}"]) == guess["probability"]
        assert ", ".join(entry["notes"]) == row["notes"]
        assert len(entry["guesses"]) == 3
    predicted = load_run(two_runs[0]).predict(["own/0.png", "own/more"], top=3)
    assert [list(each.classes) for each in predicted] == [
        [guess["class"] for guess in entry["guesses"]] for entry in content
    ]


@pytest.mark.usefixtures("folder")
def test_refusals(cnnlab, two_runs, tmp_path: Path) -> None:
    run = str(two_runs[0])
    (tmp_path / "empty").mkdir()
    (tmp_path / "other").mkdir()
    (tmp_path / "other/a.heic").touch()
    for words, said in (
        ((run, "own", "missing.png"), "missing.png: no such file or folder"),
        ((run, "empty"), "empty: no pictures in it"),
        ((run, "other"), "other: no pictures in it, only 1 file of other kinds ('.heic')"),
        ((run, "~no-such-user/a.png"), "~no-such-user/a.png: no such file or folder"),
        ((run, "own", "--out", "~no-such-user/a.png"), "--out ~no-such-user: no such home folder"),
        ((run, "a" * 300), f"{'a' * 300}: file name too long"),
        (("~no-such-user/run", "own"), "~no-such-user/run: no such folder"),
        (("nowhere", "own"), "nowhere: no such folder"),
        ((run, "own", "--csv", "--json"), "--csv and --json cannot be combined"),
        ((run, "own", "--out", "a.jpg"), "--out a.jpg: what is written is a .png file, not .jpg"),
    ):
        answer = cnnlab("predict", *words)
        assert (answer.code, answer.out) == (2, "")
        assert answer.err == f"cnnlab: {said}\n"
    broken = "own/1.5.png: is not a picture"
    with pytest.raises(CnnlabError, match=f"{broken}.*skip_broken=True leaves out"):
        load_run(run).predict("own")
    assert len(load_run(run).predict("own", skip_broken=True)) == 4
    for pictures in (3, None, b"own"):
        with pytest.raises(CnnlabError, match="is not a path, an array or an image"):
            load_run(run).predict(pictures)  # type: ignore[arg-type]
    with pytest.raises(CnnlabError, match="top=0 must be at least 1"):
        load_run(run).predict("own", top=0)
    answer = cnnlab("predict", run, "own/1.5.png", "--json")
    assert (answer.code, answer.out) == (1, "[]\n")


def test_an_autoencoder_has_no_classes(two_runs) -> None:
    run = load_run(two_runs[0])
    config = replace(run.config, model={"name": "autoencoder"})
    with pytest.raises(CnnlabError, match=r"seed0-\w+: model=autoencoder is no classifier"):
        replace(run, config=config).predict(digits(1))


@pytest.mark.slow
def test_a_sheet_of_many_with_odd_names(two_runs) -> None:
    (one,) = load_run(two_runs[0]).predict(digits(1))
    many = [replace(one, file=f"own/a_$very$_long_name_of_a_picture_{n}.png") for n in range(50)]
    figure = contact_sheet(many, "mlp: $run$", 1234)
    said = [text.get_text() for text in figure.texts]
    assert said[1] == "48 of 1234 pictures: as they are, and as the network saw them (32x32)"
    assert len(figure.axes) == 96
    assert max(map(len, said[2::2])) == 28
    with pytest.raises(ValueError, match="at least one"):
        contact_sheet([], "mlp")
