"""The maps in README and CONTRIBUTING show the tree as it is, and tests/ mirrors it."""

import re
from pathlib import Path

import pytest
from source_tree import ROOT, assert_none, python_files, room_of, write_tree

PAGES = ("README.md", "CONTRIBUTING.md")
NO_MIRROR = {"e2e", "house", "support", "torture"}  # folders of tests/ that mirror no room
NOT_HERE = (
    "runs/",
    "my_models.py",
    "my_callbacks.py",
    "my_parts.py",
    "site/",
    "utils.py",
)  # a reader's own, and what must not be here

MOST_LINES_OF_THE_MAP = 45  # one screen
WIDEST_LINE_OF_THE_MAP = 100
ANSWERS = 17  # "where is the warm-up?" and sixteen more, a table in CONTRIBUTING


def paths_named(page: Path) -> list[str]:
    """Paths into the tree between backticks or in links: ``cnnlab/runs/``, ``training/run.py``."""
    text = re.sub(r"```.*?```", "", page.read_text(encoding="utf-8"), flags=re.DOTALL)
    spans = re.findall(r"`([^`\n]+)`", text)
    links = [link for link in re.findall(r"\]\(([^)#]+)\)", text) if "://" not in link]
    files = [span for span in spans if re.fullmatch(r"[\w.*/-]+(/|\.(py|md|yaml|toml|txt))", span)]
    return [name for name in [*files, *links] if not name.startswith(NOT_HERE)]


def missing_paths(root: Path) -> list[str]:
    """Paths that a page names and that are not there."""
    return [
        f"{page}: {name}"
        for page in PAGES
        for name in paths_named(root / page)
        if not find(root, name)
    ]


def find(root: Path, name: str) -> list[Path]:
    """What a page may mean by a path: from the top, or the end of a path below a top folder."""
    places = [*root.glob(name), *root.glob(f"cnnlab/**/{name}"), *root.glob(f"tests/**/{name}")]
    return [place for place in places if place.is_dir() or not name.endswith("/")]


def map_of(root: Path) -> list[str]:
    """The lines of CONTRIBUTING's map: its fenced block with a line for the package."""
    text = (root / "CONTRIBUTING.md").read_text(encoding="utf-8")
    blocks = re.findall(r"```\w*\n(.*?)```", text, flags=re.DOTALL)
    maps = [block for block in blocks if re.search(r"^cnnlab/", block, flags=re.MULTILINE)]
    return maps[0].splitlines() if maps else []


def missing_from_the_tree(root: Path) -> list[str]:
    """Files and folders of the map that are not where it shows them.

    A line begins with the names of a folder or of files, and what follows names more, below that
    folder: ``  runs/      run_dir.py, claim.py``. An indented line lies in the last folder with
    less indentation; a folder's line may go on below its description.
    """
    found = []
    above: list[tuple[int, Path]] = [(-1, root)]
    for line in map_of(root):
        indent = len(line) - len(line.lstrip())
        names = re.findall(r"(?<![\w/.])[\w./-]*\w(?:/(?![\w(])|\.(?:py|md|toml|txt))", line)
        while above[-1][0] >= indent:
            above.pop()
        folder = above[-1][1]
        for position, name in enumerate(names):
            places = [folder / name, above[0][1] / name, root / "cnnlab" / name]
            if not any(place.exists() for place in places):
                found.append(f"{line.strip()[:23]}...: {name}")
            elif position == 0 and name.endswith("/") and line.lstrip().startswith(name):
                folder = next(place for place in places if place.exists())
                above.append((indent, folder))
    return found


def rooms_missing_from_the_map(root: Path) -> list[str]:
    """Rooms and loose files of the package that CONTRIBUTING's map does not name."""
    shown = "\n".join(map_of(root))
    rooms = {room_of(file, root) for file in python_files(root)} - {"__init__", "__main__"}
    names = {f"{room}/" if (root / "cnnlab" / room).is_dir() else f"{room}.py" for room in rooms}
    return sorted(name for name in names if not re.search(rf"(?<![\w/]){re.escape(name)}", shown))


def rooms_missing_from_readme(root: Path) -> list[str]:
    """Rooms that README does not name between backticks."""
    text = (root / "README.md").read_text(encoding="utf-8")
    rooms = {room_of(file, root) for file in python_files(root)}
    folders = {room for room in rooms if (root / "cnnlab" / room).is_dir()}
    return sorted(room for room in folders if f"`cnnlab/{room}/`" not in text)


def answers(root: Path) -> list[list[str]]:
    """The rows of CONTRIBUTING's table that says where the warm-up is, as cells."""
    lines = (root / "CONTRIBUTING.md").read_text(encoding="utf-8").splitlines()
    tables: list[list[str]] = [[]]
    for line in lines:
        if line.startswith("|"):
            tables[-1].append(line)
        elif tables[-1]:
            tables.append([])
    about = [table for table in tables if any("warm-up" in line for line in table)]
    rows = [line.strip("|").split("|") for line in about[0][2:]] if about else []
    return [[cell.strip() for cell in row] for row in rows]


def wrong_answers(root: Path) -> list[str]:
    """Rows that name no file of the package, or a name that stands in none of the row's files."""
    found = []
    for question, *cells in answers(root):
        spans = re.findall(r"`([^`]+)`", " ".join(cells))
        named = [span.removeprefix("cnnlab/") for span in spans if span.endswith(".py")]
        files = [file for name in named for file in root.glob(f"cnnlab/**/{name}")]
        if missing := [name for name in named if not any(root.glob(f"cnnlab/**/{name}"))]:
            found.append(f"{question}: no such file: {', '.join(missing)}")
        elif not files:
            found.append(f"{question}: names no file")
        text = "\n".join(file.read_text(encoding="utf-8") for file in files)
        for span in spans:
            name = re.fullmatch(r"(?:\w+\.)*(\w+)(?:\(\))?", span)
            if name and not span.endswith(".py") and name[1] not in text:
                found.append(f"{question}: no {span} in {', '.join(named)}")
    return found


def folders_that_mirror_nothing(root: Path) -> list[str]:
    """Folders with tests that are no folders of the package."""
    folders = {file.parent.relative_to(root / "tests") for file in (root / "tests").rglob("*.py")}
    return sorted(
        str(folder)
        for folder in folders
        if folder.parts and folder.parts[0] not in NO_MIRROR
        if not (root / "cnnlab" / folder / "__init__.py").is_file()
    )


def experiments_missing_from_the_index(root: Path) -> list[str]:
    """Folders of experiments/ to which its README has no link."""
    index = (root / "experiments" / "README.md").read_text(encoding="utf-8")
    folders = sorted(path.name for path in (root / "experiments").iterdir() if path.is_dir())
    return [folder for folder in folders if f"]({folder}/" not in index]


@pytest.mark.parametrize(
    "rule",
    [
        experiments_missing_from_the_index,
        missing_paths,
        missing_from_the_tree,
        rooms_missing_from_the_map,
        rooms_missing_from_readme,
        wrong_answers,
        folders_that_mirror_nothing,
    ],
)
def test_maps_show_the_tree(rule):
    assert_none(rule(ROOT))


def test_the_map_fits_one_screen():
    lines = map_of(ROOT)
    assert 0 < len(lines) <= MOST_LINES_OF_THE_MAP
    assert max(map(len, lines)) <= WIDEST_LINE_OF_THE_MAP


def test_every_question_is_answered():
    assert len(answers(ROOT)) == ANSWERS


@pytest.fixture
def tree(tmp_path):
    """A small package with pages that show it as it is."""
    contributing = """# Built
```
cnnlab/
  __init__.py  the API          spec.py  shapes
  runs/        run_dir.py, claim.py
               more of it: state/
    state/     one.py
  app/         all that knows Hydra/the terminal
hydra_plugins/ plug.py
```
Read `cnnlab/runs/claim.py`, `spec.py`, `runs/*` and [the other page](README.md).

| question | file | what |
|--|--|--|
| where is the warm-up? | `runs/claim.py` | `Lock.hold()` |
"""
    readme = "`cnnlab/runs/` and `cnnlab/app/`; `runs/first/` is made; `model=lenet5`"
    files = ["__init__.py", "spec.py", "runs/__init__.py", "runs/run_dir.py"]
    files += ["runs/state/one.py", "app/__init__.py"]
    return write_tree(
        tmp_path,
        {f"cnnlab/{name}": "" for name in files}
        | {"cnnlab/runs/claim.py": "class Lock:\n    def hold(self): ..."}
        | {"hydra_plugins/plug.py": "", "tests/runs/test_claim.py": "", "tests/e2e/test_a.py": ""}
        | {"README.md": readme, "CONTRIBUTING.md": contributing}
        | {"experiments/README.md": "[one](one/README.md)", "experiments/one/README.md": ""},
    )


def test_a_true_map_is_right(tree):
    assert len(map_of(tree)) == 7
    assert experiments_missing_from_the_index(tree) == []
    assert missing_paths(tree) == []
    assert missing_from_the_tree(tree) == []
    assert rooms_missing_from_the_map(tree) == []
    assert rooms_missing_from_readme(tree) == []
    assert len(answers(tree)) == 1
    assert wrong_answers(tree) == []
    assert folders_that_mirror_nothing(tree) == []


@pytest.mark.parametrize(
    ("rule", "gone", "said"),
    [
        (missing_paths, "runs/claim.py", "CONTRIBUTING.md: cnnlab/runs/claim.py"),
        (missing_from_the_tree, "runs/run_dir.py", "runs/        run_dir.py...: run_dir.py"),
        (missing_from_the_tree, "runs/state/one.py", "state/     one.py...: one.py"),
        (wrong_answers, "runs/claim.py", "where is the warm-up?: no such file: runs/claim.py"),
        (folders_that_mirror_nothing, "runs/__init__.py", "runs"),
    ],
)
def test_planted_gaps_in_the_tree_are_found(tree, rule, gone, said):
    (tree / "cnnlab" / gone).unlink()
    assert said in rule(tree)


@pytest.mark.parametrize(
    ("rule", "added"),
    [
        (rooms_missing_from_the_map, "cnnlab/text.py"),
        (rooms_missing_from_the_map, "cnnlab/bench/__init__.py"),
        (rooms_missing_from_readme, "cnnlab/bench/__init__.py"),
        (folders_that_mirror_nothing, "tests/bench/test_a.py"),
        (experiments_missing_from_the_index, "experiments/two/results.md"),
    ],
)
def test_planted_gaps_in_the_maps_are_found(tree, rule, added):
    assert len(rule(write_tree(tree, {added: ""}))) == 1


def test_planted_wrong_names_are_found(tree):
    (tree / "cnnlab/runs/claim.py").write_text("class Lock: ...")
    assert wrong_answers(tree) == ["where is the warm-up?: no Lock.hold() in runs/claim.py"]
