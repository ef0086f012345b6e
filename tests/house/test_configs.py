"""Every YAML composes, and holds only what differs from a default."""

import functools
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import hydra
import pytest
from omegaconf import OmegaConf
from source_tree import ROOT, assert_none, write_tree

from cnnlab.app.compose import register_configs
from cnnlab.config import schema
from cnnlab.config.options import GROUPS
from cnnlab.config.parse import parse
from cnnlab.discovery import discover

GLOBAL = ("experiment", "debug")  # groups whose files set options of any group
NUM_YAMLS = 82  # below conf/; a search that finds fewer proves nothing


@pytest.fixture(autouse=True)
def _ready(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    discover()
    register_configs()


def yamls(root: Path) -> list[Path]:
    return sorted((root / "conf").rglob("*.yaml"))


def group_of(file: Path, root: Path) -> str:
    """``model``, ``experiment``; empty for config.yaml itself."""
    return file.parent.relative_to(root / "conf").as_posix().strip(".")


def read(file: Path) -> tuple[list[Any], dict[str, Any]]:
    """The defaults list, and what the file itself says, as Hydra reads it."""
    content = OmegaConf.to_container(OmegaConf.load(file))
    assert isinstance(content, dict)
    return content.pop("defaults", []), content


@functools.cache
def compose(root: Path, *words: str) -> dict[str, Any]:
    with hydra.initialize_config_dir(version_base="1.3", config_dir=str(root / "conf")):
        composed = OmegaConf.to_container(
            hydra.compose("config", overrides=list(words)), resolve=True
        )
    assert isinstance(composed, dict)
    return composed


def choices_of(defaults: list[Any]) -> dict[str, str]:
    """Group -> name, from ``- model: lenet5`` and ``- override /model: lenet5``."""
    return {
        str(key).removeprefix("override ").lstrip("/"): name
        for entry in defaults
        if isinstance(entry, dict)
        for key, name in entry.items()
    }


def leaves(node: Any, prefix: str = "") -> Iterator[tuple[str, Any]]:
    """``optim.lr`` and its value, for every value that is no table."""
    if isinstance(node, dict) and node:
        for key, value in node.items():
            yield from leaves(value, f"{prefix}.{key}" if prefix else str(key))
    else:
        yield prefix, node


def without(root: Path, file: Path) -> dict[str, Any]:
    """The config as it would be with the file's choices, and nothing that the file itself says."""
    defaults, _ = read(file)
    group = group_of(file, root)
    if group in GLOBAL:
        return compose(root, *[f"{key}={name}" for key, name in choices_of(defaults).items()])
    (base,) = (base for base in defaults if isinstance(base, str) and base != "_self_")
    return compose(root, f"{group}={base}")


def delta(root: Path, file: Path) -> dict[str, Any]:
    """What the file itself says, by its whole keys: ``model.depth``."""
    group = group_of(file, root)
    return dict(leaves(read(file)[1], "" if group in GLOBAL else group))


def that_do_not_compose(root: Path) -> list[str]:
    found = []
    for file in yamls(root):
        group = group_of(file, root)
        words = [f"{group}={file.stem}"] if group else []
        if "init:" in file.read_text():
            words.append("init.from=RUN")  # frozen weights come from somewhere
        if "override /data: folder" in file.read_text():
            words.append("data.root=PICS")
        try:
            parse(compose(root, *words))
        except Exception as error:  # Hydra's, OmegaConf's and ours have no common class
            found.append(f"{file.relative_to(root)}: {error}")
    return found


def restated_defaults(root: Path) -> list[str]:
    """Values that hold without being said."""
    found = []
    for file in yamls(root):
        if group_of(file, root):
            otherwise = dict(leaves(without(root, file)))
            found += [
                f"{file.relative_to(root)}: {key}: {value}"
                for key, value in delta(root, file).items()
                if key in otherwise and otherwise[key] == value
            ]
    return found


def restated_choices(root: Path) -> list[str]:
    """Recipes that choose what config.yaml chooses for all."""
    common = choices_of(read(root / "conf" / "config.yaml")[0])
    return [
        f"{file.relative_to(root)}: {group}: {name}"
        for file in yamls(root)
        if group_of(file, root) == "experiment"
        for group, name in choices_of(read(file)[0]).items()
        if common.get(group) == name
    ]


def epochs_worked_out_by_hand(root: Path) -> list[str]:
    """Epochs beside a number of steps, from which they follow."""
    return [
        f"{file.relative_to(root)}: trainer.epochs: {delta(root, file)['trainer.epochs']}"
        for file in yamls(root)
        if group_of(file, root) and {"trainer.epochs"} & set(delta(root, file))
        if ({**dict(leaves(without(root, file))), **delta(root, file)})["trainer.max_steps"]
    ]


def names_taken(root: Path) -> list[str]:
    """Variants with the name of a registered component, which they would hide."""
    return [
        f"{file.relative_to(root)}"
        for file in yamls(root)
        if group_of(file, root) in GROUPS and file.stem in GROUPS[group_of(file, root)]
    ]


def test_every_yaml_was_found():
    found = len(yamls(ROOT))
    assert found == NUM_YAMLS, f"set NUM_YAMLS to {found} if you added or removed files of conf/"


@pytest.mark.parametrize(
    "rule",
    [
        pytest.param(that_do_not_compose, marks=pytest.mark.slow(15)),
        restated_defaults,
        restated_choices,
        epochs_worked_out_by_hand,
        names_taken,
    ],
)
def test_yamls_hold_what_differs(rule):
    assert_none(rule(ROOT))


def test_nothing_registered_hides_its_options():
    for registry in GROUPS.values():
        for entry in registry:
            assert schema.options(entry.component) is not None
            assert (entry.component.__doc__ or "").strip(), entry.name


@pytest.fixture
def conf(tmp_path):
    """Our config.yaml and a recipe, a variant and a trainer file without faults."""
    return write_tree(
        tmp_path,
        {
            "conf/config.yaml": (ROOT / "conf" / "config.yaml").read_text(),
            "conf/model/resnet20.yaml": "defaults: [resnet, _self_]\ndepth: 32\n",
            "conf/trainer/few.yaml": "defaults: [default, _self_]\nmax_steps: 3\n",
            "conf/experiment/tried.yaml": (
                "# @package _global_\ndefaults:\n  - override /model: resnet20\n"
                "  - override /trainer: few\noptim: {lr: 1e-2}\nseed: 3\n"
            ),
        },
    )


RULES = (that_do_not_compose, restated_defaults, restated_choices, epochs_worked_out_by_hand)


def test_yamls_without_faults_are_right(conf):
    assert len(yamls(conf)) == 4
    for rule in (*RULES, names_taken):
        assert rule(conf) == []


@pytest.mark.parametrize(
    ("rule", "file", "text", "said"),
    [
        (that_do_not_compose, "experiment/tried.yaml", "sed: 3", "no option 'sed'"),
        (that_do_not_compose, "model/resnet20.yaml", "depth: deep", "depth"),
        (that_do_not_compose, "trainer/few.yaml", "max_steps: [", "few.yaml"),
        (restated_defaults, "model/resnet20.yaml", "shortcut: A", "model.shortcut: A"),
        (restated_defaults, "trainer/few.yaml", "devices: 1", "trainer.devices: 1"),
        (restated_defaults, "experiment/tried.yaml", "batch_size: 128", "batch_size: 128"),
        (restated_defaults, "experiment/tried.yaml", "model: {depth: 32}", "model.depth: 32"),
        (restated_defaults, "experiment/tried.yaml", "trainer: {max_steps: 3}", "max_steps: 3"),
        (epochs_worked_out_by_hand, "experiment/tried.yaml", "trainer: {epochs: 1}", "epochs: 1"),
        (epochs_worked_out_by_hand, "trainer/few.yaml", "epochs: 1", "epochs: 1"),
    ],
)
def test_planted_lines_are_found(conf, rule, file, text, said):
    path = conf / "conf" / file
    path.write_text(f"{path.read_text()}{text}\n")
    found = rule(conf)
    assert found
    assert said in found[0]
    assert found[0].startswith(("conf/experiment/tried.yaml", f"conf/{file}"))


def test_planted_choices_are_found(conf):
    path = conf / "conf/experiment/tried.yaml"
    path.write_text(
        path.read_text().replace("defaults:\n", "defaults:\n  - override /optim: sgd\n")
    )
    assert restated_choices(conf) == ["conf/experiment/tried.yaml: optim: sgd"]


def test_planted_names_are_found(conf):
    write_tree(conf, {"conf/model/lenet5.yaml": "defaults: [resnet]\n"})
    assert names_taken(conf) == ["conf/model/lenet5.yaml"]
