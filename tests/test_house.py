"""The house rules of the design, each kept by a test."""

import ast
import statistics
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "cnnlab"
FILES = sorted(PACKAGE.rglob("*.py"))
CONFIGS = sorted((ROOT / "conf").rglob("*.yaml"))


def room(file: Path) -> str:
    """``models``, ``training`` ... or the file's own name at the top."""
    relative = file.relative_to(PACKAGE)
    return relative.parts[0] if len(relative.parts) > 1 else relative.stem


def imports(file: Path) -> set[str]:
    """What a file imports of ours, as ``room`` or ``room.module``."""
    found = set()
    for node in ast.walk(ast.parse(file.read_text())):
        names = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        found |= {name.removeprefix("cnnlab.") for name in names if name.startswith("cnnlab.")}
    return found


def third_parties(file: Path) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module.split(".")[0])
    return found


def test_the_files_were_found():
    assert len(FILES) > 50
    assert len(CONFIGS) > 10


def test_no_dumping_ground():
    forbidden = {"utils", "helpers", "common", "misc"}
    assert not [file for file in FILES if file.stem in forbidden]


def test_files_hold_one_idea():
    lengths = {file: len(file.read_text().splitlines()) for file in FILES}
    filled = [length for length in lengths.values() if length > 3]
    assert statistics.median(filled) < 120
    assert not {f.name: n for f, n in lengths.items() if n > (200 if room(f) == "models" else 300)}


# room or file -> what of ours it may import; a room may always import itself
ALLOWED = {
    "spec": set(),
    "registry": set(),
    "schema": {"registry"},
    "config": {"schema", "registry"},
    "models": {"spec", "registry"},
    "data": {"spec", "registry"},
    "explain": {"spec", "registry", "models"},
    "runs": {"spec", "registry", "schema", "config", "discovery", "data"},
    "training": {"spec", "registry", "schema", "config", "discovery", "data", "explain", "runs"},
    "launchers": {"registry", "schema", "discovery", "runs", "job", "execute"},
    "search": {"registry", "schema", "runs", "training", "job", "refusals"},
}


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.relative_to(PACKAGE)))
def test_imports_point_one_way(file):
    own = room(file)
    if own not in ALLOWED:
        return
    rooms = {name.split(".")[0] for name in imports(file)} - {own}
    assert rooms <= ALLOWED[own]


def test_models_import_only_each_other_and_torch():
    for file in (PACKAGE / "models").glob("*.py"):
        if file.stem != "__init__":
            outside = third_parties(file) - {"torch", "cnnlab", "torchvision", "timm"}
            assert outside <= set(__import__("sys").stdlib_module_names), file


def test_only_a_few_files_know_hydra():
    knowing = {
        str(file.relative_to(PACKAGE))
        for file in FILES
        if {"hydra", "omegaconf"} & third_parties(file)
    }
    words_and_jobs = {"compose.py", "launch.py", "hydra_calls.py", "job.py", "refusals.py"}
    words_and_jobs.add("sweep_compose.py")
    # the last two read what was typed: a line to complete, overrides as a space
    assert knowing == {*words_and_jobs, "completion.py", "search/space.py"}


@pytest.mark.parametrize(
    "word", ["_target_", "hydra.utils", "instantiate(", "cfg.get(", "eval(", "exec("]
)
def test_no_config_decides_what_is_called(word):
    import re

    pattern = re.compile(r"(?<![\w.])" + re.escape(word))
    assert not [file for file in FILES if pattern.search(file.read_text())]


def test_every_checkpoint_is_loaded_as_tensors_only():
    for file in FILES:
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.Call) and ast.unparse(node.func) == "torch.load":
                assert "weights_only=True" in ast.unparse(node), file


@pytest.mark.parametrize("file", CONFIGS, ids=lambda file: str(file.relative_to(ROOT)))
def test_no_yaml_restates_a_default(file):
    from cnnlab.config import schema
    from cnnlab.config.options import GROUPS, TrainerConfig
    from cnnlab.discovery import discover

    discover()
    delta = yaml.safe_load(file.read_text())
    bases = [base for base in delta.pop("defaults", []) if isinstance(base, str)]
    kind = file.parent.name
    if kind == "trainer":
        defaults = schema.to_dict(TrainerConfig())
    elif kind in GROUPS:
        defaults = schema.defaults(GROUPS[kind][bases[0]])
        assert file.stem not in GROUPS[kind], "a variant must not share a registered name"
    else:
        return
    assert not {key: value for key, value in delta.items() if defaults[key] == value}


def test_every_yaml_composes(monkeypatch, tmp_path):
    import hydra
    from omegaconf import OmegaConf

    from cnnlab.app.compose import register_configs
    from cnnlab.app.overrides import CONF
    from cnnlab.config.options import parse
    from cnnlab.discovery import discover

    monkeypatch.chdir(tmp_path)
    discover()
    register_configs()
    composed = 0
    with hydra.initialize_config_dir(version_base="1.3", config_dir=str(CONF)):
        for file in CONFIGS:
            group = file.parent.relative_to(ROOT / "conf").as_posix()
            words = [] if group == "." else [f"{group}={file.stem}"]
            if "init:" in file.read_text():
                words.append("init.from=RUN")  # frozen weights come from somewhere
            if "override /data: folder" in file.read_text():
                words.append("data.root=PICS")
            plain = OmegaConf.to_container(hydra.compose("config", overrides=words), resolve=True)
            assert isinstance(plain, dict)
            assert parse(plain).model["name"], file
            composed += 1
    assert composed == len(CONFIGS) >= 54


def test_nothing_registered_hides_its_options():
    from cnnlab.config import schema
    from cnnlab.config.options import GROUPS
    from cnnlab.discovery import discover

    discover()
    for registry in GROUPS.values():
        for entry in registry:
            assert schema.options(entry.component) is not None
            assert (entry.component.__doc__ or "").strip(), entry.name
