"""`cnnlab completion SHELL`: each shell's script, and the answer that it gets."""

import os
import shutil
import subprocess
import sys

import pytest

from cnnlab.app.completion import SCRIPTS
from cnnlab.app.name_cache import load_names
from cnnlab.app.start import modules_named

START = "from cnnlab.app.start import main; main()"
BASH = """
COMP_LINE='{line}'; COMP_POINT=${{#COMP_LINE}}; COMP_WORDBREAKS=$' \\t\\n\\'"=:'
compopt() {{ echo "$@"; }}
_cnnlab_complete
echo "${{COMPREPLY[@]}}"
"""
ZSH = """
compdef() {{ :; }}; _files() {{ echo files; }}; compadd() {{ echo ${{(P)${{@[-1]}}}}; }}
{script}
words=({line}); [[ '{line}' == *' ' ]] && words+=(''); CURRENT=${{#words}}
_cnnlab_complete
"""
FISH = "{script}\ncomplete -C '{line}'"


@pytest.fixture(scope="module")
def environment(tmp_path_factory):
    """A shell's, with ``cnnlab`` on its path and its names kept."""
    folder = tmp_path_factory.mktemp("shell")
    program = folder / "cnnlab"
    program.write_text(f'#!/bin/sh\nexec {sys.executable} -c "{START}" "$@"\n')
    program.chmod(0o755)
    found = {"PATH": f"{folder}:/usr/bin:/bin", "XDG_CACHE_HOME": str(folder / "cache")}
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", found["XDG_CACHE_HOME"])
        patch.setenv("CNNLAB_IMPORT", "")
        load_names()
    assert list(folder.rglob("*.json"))
    return {**found, "HOME": str(folder)}


def test_an_answer_needs_nothing_heavy(environment):
    program = (
        "import sys; sys.argv[1:] = ['complete', '--', 'train', 'model=conv_s']\n"
        f"{START}\nprint(*sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, env=environment
    )
    answer, loaded = done.stdout.splitlines()
    assert answer == "model=conv_stack"
    heavy = {"torch", "hydra", "omegaconf", "typer", "rich", "numpy", "yaml", "importlib.metadata"}
    assert set(loaded.split()) & heavy == set()


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("cnnlab comp", "compare completion components"),
        ("cnnlab train model=conv_s", "conv_stack"),  # readline splits at "="
        ("cnnlab train -m model=mlp,conv_s", "mlp,conv_stack"),
        ("cnnlab train tra", "trainer. trainer="),
        ("cnnlab train model=mlp sche", "schedule. schedule="),
        ("cnnlab train batch", "-o nospace\nbatch_size="),
        ('cnnlab train "logger=[csv,t', "logger=[csv,tensorboard"),
    ],
)
def test_bash_completes(environment, line, expected):
    program = SCRIPTS["bash"] + BASH.format(line=line)
    done = subprocess.run(
        ["bash", "-c", program], capture_output=True, text=True, check=True, env=environment
    )
    assert done.stdout.strip() == expected


@pytest.mark.parametrize(("shell", "program"), [("zsh", ZSH), ("fish", FISH)])
def test_other_shells_complete(environment, shell, program):
    if shutil.which(shell) is None:
        assert "cnnlab complete" in SCRIPTS[shell]  # the shell is not here to read it
        return
    for line, expected in (
        ("cnnlab comp", "compare completion components"),
        ("cnnlab train model=conv_s", "model=conv_stack"),
        ("cnnlab train -m model=mlp,conv_s", "model=mlp,conv_stack"),
        ("cnnlab bench --against ", "bare usual"),
    ):
        script = program.format(script=SCRIPTS[shell], line=line)
        done = subprocess.run(
            [shell, "-c", script], capture_output=True, text=True, check=True, env=environment
        )
        assert done.stdout.split() == expected.split()


def test_modules_are_imported_once_they_are_named_in_full():
    assert modules_named(["train", "--import", "a", "--import=b.c", "--import"]) == ["a", "b.c"]


@pytest.mark.slow
def test_a_persons_own_model_is_completed(environment, tmp_path):
    net = "from cnnlab.registry import MODELS\nprint('loud')\n\n\n@MODELS.register('{0}')\n"
    net += "class Net:\n    def __init__(self, spec, *, {0}_width: int = 3): ...\n"
    own = {**environment, "CNNLAB_IMPORT": "nets", "PATH": os.defpath}

    def completed(line):
        done = subprocess.run(
            [sys.executable, "-c", START, "complete", "--", *line.split(" ")],
            **{"capture_output": True, "text": True, "cwd": tmp_path, "env": own},
        )
        return done.stdout.split()

    (tmp_path / "nets.py").write_text(net.format("first"))
    assert completed("train model=firs") == ["model=first"]
    assert completed("train model=first model.") == ["model.first_width="]
    (tmp_path / "nets.py").write_text(net.format("second"))
    assert completed("train model=secon") == ["model=second"]
    (tmp_path / "nets.py").write_text("1/0")
    assert completed("train model=lenet5_") == ["model=lenet5_1998"]
