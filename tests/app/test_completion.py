import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from cnnlab.app.completion import SCRIPTS, candidates

COMMANDS = ["train", "test", "compare", "models", "data"]


def test_our_commands():
    assert candidates([], COMMANDS) == sorted(COMMANDS)
    assert candidates(["t"], COMMANDS) == ["test", "train"]
    assert candidates(["zzz"], COMMANDS) == []


def test_hydras_overrides_behind_train(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert candidates(["train", "model=conv_s"], COMMANDS) == ["model=conv_stack"]
    assert "optim.lr=" in candidates(["train", "model=mlp", "optim."], COMMANDS)
    # the options are those of the model that was chosen before
    assert "model.depth=" in candidates(["train", "model=resnet", "model."], COMMANDS)
    assert "model.depth=" not in candidates(["train", "-m", "model=mlp", "model."], COMMANDS)


@pytest.mark.parametrize("shell", sorted(SCRIPTS))
def test_each_shell_accepts_its_script(shell):
    if shutil.which(shell) is None:
        assert "cnnlab complete" in SCRIPTS[shell]  # the shell is not here to read it
        return
    subprocess.run([shell, "-n"], input=SCRIPTS[shell], text=True, check=True)


@pytest.mark.parametrize(
    ("line", "expected"),
    [("cnnlab co", "compare completion"), ("cnnlab train model=conv_s", "conv_stack")],
)
def test_bash_completes(line, expected):
    # readline splits at "=", so only what follows it may come back
    program = f"""
{SCRIPTS["bash"]}
COMP_LINE='{line}'; COMP_POINT=${{#COMP_LINE}}; COMP_WORDBREAKS=$' \\t\\n=:'
compopt() {{ :; }}
_cnnlab_complete
echo "${{COMPREPLY[@]}}"
"""
    path = f"{Path(sys.executable).parent}:/usr/bin:/bin"
    done = subprocess.run(
        ["bash", "-c", program], capture_output=True, text=True, check=True, env={"PATH": path}
    )
    assert done.stdout.strip() == expected
