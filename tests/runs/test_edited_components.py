"""A run is another one after an edit of any module that its components import, however."""

import importlib
import sys

import pytest

from cnnlab.config.parse import parse
from cnnlab.discovery import discover
from cnnlab.registry import CALLBACKS, MODELS, OPTIMIZERS, SCHEDULES
from cnnlab.runs.identity import identify
from cnnlab.runs.run_dir import RunDir

FILES = {
    "own/__init__.py": "",
    "own/models/__init__.py": "",
    "own/models/net.py": """
import own.layers.conv as c
from .. import helpers
from ..layers.pool import *
if helpers.FAST:
    from own.layers import fast
else:
    from own.layers import slow
from cnnlab.registry import MODELS, OPTIMIZERS, SCHEDULES, CALLBACKS

@MODELS.register("own_net")
def net(spec, *, width: int = 3):
    import importlib
    from own import late
    return importlib.import_module("own.named")
""",
    "own/layers/__init__.py": "",
    "own/layers/conv.py": "from own.layers import deep\nSIZE = 3\n",
    "own/layers/deep.py": "SIZE = 3\n",
    "own/layers/pool.py": "SIZE = 3\n",
    "own/layers/fast.py": "SIZE = 3\n",
    "own/layers/slow.py": "SIZE = 3\n",
    "own/helpers.py": "FAST = True\nSIZE = 3\n",
    "own/late.py": "SIZE = 3\n",
    "own/named.py": "SIZE = 3\n",
    "own/namespace/inner.py": "SIZE = 3\n",  # a package without __init__.py
    "own/train.py": """
from own.namespace.inner import SIZE
import own_rates
from cnnlab.registry import CALLBACKS, OPTIMIZERS, SCHEDULES

@OPTIMIZERS.register("own_optimiser")
def optimiser(parameters, *, lr: float = 0.1): ...

@SCHEDULES.register("own_schedule")
def schedule(total, per_epoch): ...

@CALLBACKS.register("own_callback")
def callback(): ...
""",
    "own_rates.py": "SIZE = 3\n",  # beside the package, below the same folder
    "own/unused.py": "SIZE = 3\n",
    "own/data.txt": "SIZE = 3\n",
}
OF_THE_MODEL = ["models/net", "helpers", "late", "named"]
OF_THE_MODEL += [f"layers/{name}" for name in ("conv", "deep", "pool", "fast", "slow")]


@pytest.fixture
def own(tmp_path, monkeypatch):
    discover()
    for name, text in FILES.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    before = set(sys.modules)
    monkeypatch.setattr(sys, "path", [*sys.path, str(tmp_path)])
    with (
        MODELS.temporary(),
        OPTIMIZERS.temporary(),
        SCHEDULES.temporary(),
        CALLBACKS.temporary(),
    ):
        importlib.import_module("own.models.net")
        importlib.import_module("own.train")
        yield tmp_path
    for name in set(sys.modules) - before:
        if name.split(".")[0] in ("own", "own_rates"):
            del sys.modules[name]


def changed_by(own, name, config):
    """The components of a run that are others after a line of code was changed in a file."""
    before = identify(parse(config)).to_dict()
    file = own / name
    file.write_text(file.read_text() + "\nEDITED = True\n")
    after = identify(parse(config))
    return after.differences(before)


def config(**choices):
    names = {"model": "mlp", "data": "digits", "optim": "sgd", "schedule": "cosine"} | choices
    return {kind: {"name": name} for kind, name in names.items()}


@pytest.mark.parametrize("module", OF_THE_MODEL)
def test_every_module_that_a_model_imports(own, module):
    assert changed_by(own, f"own/{module}.py", config(model="own_net")) == ["model"]


@pytest.mark.parametrize("module", ["own/train", "own/namespace/inner", "own_rates"])
def test_optimiser_schedule_and_callback(own, module):
    file = f"{module}.py"
    assert changed_by(own, file, config(optim="own_optimiser")) == ["optim"]
    assert changed_by(own, file, config(schedule="own_schedule")) == ["schedule"]
    called = {**config(), "callbacks": {"own_callback": {}}}
    assert changed_by(own, file, called) == ["callbacks.own_callback"]


@pytest.mark.parametrize("name", ["own/unused.py", "own/data.txt"])
def test_what_is_not_imported_does_not_count(own, name):
    for choice in ({"model": "own_net"}, {"optim": "own_optimiser"}):
        assert changed_by(own, name, config(**choice)) == []


HELPER = "def width():\n    return 8\n"
MODEL = """
from torch import nn
from helper import width
from cnnlab.registry import MODELS

@MODELS.register("helped")
class Helped(nn.Sequential):
    def __init__(self, spec, *, bias: bool = True):
        size = spec.channels * spec.height * spec.width
        super().__init__(nn.Flatten(), nn.Linear(size, spec.num_classes, bias=bias))
"""


@pytest.mark.slow
def test_the_same_command_trains_again_after_an_edit_of_a_helper(cnnlab, tmp_path, monkeypatch):
    (tmp_path / "helper.py").write_text(HELPER)
    (tmp_path / "helped.py").write_text(MODEL)
    words = ["train", "--import", "helped", "model=helped", "data=synthetic", "data.num_train=64"]
    words += ["data.size=8", "batch_size=16", "trainer=smoke", "logger=[]"]
    monkeypatch.setattr(sys, "path", [*sys.path, str(tmp_path)])
    with MODELS.temporary():
        first = cnnlab(*words)
        assert first.code == 0, first.err
        assert "already done" in cnnlab(*words).err
        (tmp_path / "helper.py").write_text(HELPER + "# a comment\n")
        assert "already done" in cnnlab(*words).err
        (tmp_path / "helper.py").write_text(HELPER.replace("8", "16"))
        again = cnnlab(*words)
    assert "the code of the model has changed since" in again.err
    assert RunDir(first.out.splitlines()[-1]).path != RunDir(again.out.splitlines()[-1]).path
    for name in ("helper", "helped"):
        sys.modules.pop(name, None)
