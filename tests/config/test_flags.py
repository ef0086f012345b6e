"""What the flags on options say, read from RunConfig and from signatures."""

import dataclasses
import subprocess
import sys
from dataclasses import dataclass
from typing import Annotated

import pytest

from cnnlab.config.flags import component_flags, enters, flags, run_flags
from cnnlab.config.options import RunConfig
from cnnlab.config.schema import options
from cnnlab.discovery import discover
from cnnlab.registry import DATASETS, Flags


def keys(**wanted):
    found = run_flags().items()
    return {k for k, f in found if all(getattr(f, n) == v for n, v in wanted.items())}


def test_what_each_command_leaves_out():
    places = {"runs_dir", "sweep", "sweep.name", "rerun"}
    pictures = "trainer.pictures"
    assert keys(identity=False) == places | {"logger", "trainer.checkpoint_every", pictures}
    assert keys(name="") == places | {"logger", "data.root", "trainer.test", pictures}
    assert keys(column="never") == places | {"logger", "seed", pictures}
    assert keys(column="last resort") == {"data.root", "resume"}
    assert keys(quote="whole") == {"runs_dir", "data.root", "resume", "sweep.name"}
    assert keys(quote="each") == {"init.from", "init.freeze"}
    assert keys(location=True) == places | {"resume"}


def test_an_option_has_the_flags_of_its_group():
    assert flags("sweep.retry") == flags("sweep") != Flags()
    assert flags("init.from").name == "from-{source}"
    assert flags("trainer.epochs") == flags("model.depth") == flags("no.such.option") == Flags()


def test_every_flag_is_on_an_option_that_exists():
    config = RunConfig({}, {"root": None}, {}, {}, {}).to_dict()
    for key in run_flags():
        node = config
        for part in key.split("."):
            node = node[part]


@dataclass(frozen=True)
class Pictures:
    crop: int = 0
    blur: Annotated[float, Flags(neutral=0.0)] = 0.0


def component(
    *,
    depth: int = 3,
    root: Annotated[str | None, Flags(identity=False)] = None,
    pictures: Pictures = Pictures(),
    maybe: Pictures | None = None,
) -> None: ...


def test_flags_of_a_component_reach_into_its_groups():
    assert component_flags(component) == {
        "root": Flags(identity=False),
        "pictures.blur": Flags(neutral=0.0),
        "maybe.blur": Flags(neutral=0.0),
    }


def test_a_neutral_value_does_not_enter():
    assert enters(Flags(), None)
    assert not enters(Flags(identity=False), 3)
    assert not enters(Flags(neutral=None), None)
    assert enters(Flags(neutral=None), 3)
    assert not enters(Flags(neutral=()), [])  # a tuple arrives as a list
    assert enters(Flags(neutral=()), ["ema"])


def test_where_a_standard_set_lies_is_no_part_of_what_it_is():
    discover()
    roots = {e.name: options(e.component).get("root") for e in DATASETS}
    for entry in DATASETS:
        root = roots[entry.name]
        if root is not None:
            inside = component_flags(entry.component).get("root", Flags())
            assert inside.identity == root.required, entry.name
    assert roots["folder"].required
    assert not roots["cifar10"].required


@pytest.mark.parametrize(
    "module", ["cnnlab.config.flags", "cnnlab.runs.first_edition", "cnnlab.compare.configurations"]
)
def test_flags_are_read_without_torch(module):
    code = f"import sys, {module}; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_flags_can_be_compared_and_hashed():
    assert len({Flags(), Flags(), dataclasses.replace(Flags(), neutral=())}) == 2
