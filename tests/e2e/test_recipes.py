"""Every recipe in conf/experiment composes, fits together and takes a real step on made-up images.

No file of a data set is read: images of the recipe's own size are drawn, two to a batch.
"""

import math
from pathlib import Path

import pytest
import torch
import yaml
from PIL import Image

from cnnlab.app.compose import compose
from cnnlab.app.overrides import CONF
from cnnlab.config.options import GROUPS, RunConfig
from cnnlab.config.parse import run_defaults
from cnnlab.data.dataset import Images, Splits
from cnnlab.data.loading.chunks import Chunk, Position
from cnnlab.data.loading.memory import MemoryBatches
from cnnlab.registry import CnnlabError
from cnnlab.training.assemble import assemble
from cnnlab.training.loop import train_steps
from cnnlab.training.wiring import make_module

FOLDER = CONF / "experiment"
RECIPES = sorted(FOLDER.rglob("*.yaml"))
NAMES = [path.relative_to(FOLDER).with_suffix("").as_posix() for path in RECIPES]
BIG = {"alexnet_2012", "resnet110", "wrn28_10", "densenet_bc_100_12", "finetune_torchvision"}


def composed(name: str, tmp_path: Path, *words: str) -> RunConfig:
    """The recipe, with what it asks its user for: weights to start from, or pictures."""
    text = (FOLDER / f"{name}.yaml").read_text()
    given = [f"init.from={tmp_path}/weights.safetensors"] if "\ninit:" in text else []
    if "/data: folder" in text:
        for kind in ("cat", "dog"):
            (tmp_path / kind).mkdir()
            for i in range(40):
                Image.new("RGB", (8, 8), (i, i, i)).save(tmp_path / kind / f"{i}.png")
        given.append(f"data.root={tmp_path}")
    return compose([f"experiment={name}", *given, *words], preflight=False)


def test_there_are_as_many_as_the_papers_and_lectures_have():
    assert len(NAMES) == 20


@pytest.mark.parametrize(
    "name", [pytest.param(n, marks=pytest.mark.slow if n in BIG else ()) for n in NAMES]
)
def test_a_recipe_takes_a_real_step(name, tmp_path):
    config = composed(name, tmp_path)
    torch.manual_seed(0)
    parts = assemble(config)  # with the recipe's own batch, length and schedule
    spec = parts.dataset.spec
    images = Images(torch.randint(256, (2, *spec.shape), dtype=torch.uint8), torch.tensor([0, 1]))
    position = Position(parts.steps_per_epoch, max_steps=1)
    module = make_module(config, parts, Splits(images, images, images, ""), position)
    module.train()
    batches = MemoryBatches(images, spec, "cpu", parts.dataset.augment)
    before = {key: p.detach().clone() for key, p in parts.model.named_parameters()}
    measured = train_steps(
        Chunk(0, 0, torch.tensor([[[0, 1]]]), batches),
        module.loss_and_counts,
        parts.optimizer,
        [parts.schedule.factor(0)],
        seed=config.seed,
        gradient_clip=config.trainer.gradient_clip,
    )
    assert math.isfinite(measured[0, 0])
    rate = parts.schedule.factor(0) * config.optim["lr"]
    assert parts.optimizer.param_groups[0]["lr"] == rate > 0
    moved = {key for key, p in parts.model.named_parameters() if not torch.equal(before[key], p)}
    trained = {key for key, p in parts.model.named_parameters() if p.requires_grad}
    assert moved <= trained
    assert len(moved) > len(trained) / 2  # a dead ReLU or a saturated unit may keep some


@pytest.mark.parametrize("name", NAMES)
def test_its_header_states_command_cost_expectation_and_source(name):
    comments = [
        line for line in (FOLDER / f"{name}.yaml").read_text().splitlines() if line[:1] == "#"
    ]
    assert comments[0] == "# @package _global_"
    heads = [line[2:].split()[0] for line in comments if line[2:3].strip()]
    assert {"Command", "Cost", "Expected", "Source"} <= set(heads)
    assert any(f"cnnlab train experiment={name}" in line for line in comments)


@pytest.mark.parametrize("path", RECIPES, ids=NAMES)
def test_it_chooses_only_what_exists(path):
    recipe = yaml.safe_load(path.read_text())
    assert set(recipe) <= {"defaults", *GROUPS, *run_defaults(), "trainer"}


@pytest.mark.parametrize("name", ["resnet20", "resnet56", "resnet110", "plain20"])
def test_he_et_al_by_iterations(name, tmp_path):
    config = composed(name, tmp_path)
    with torch.device("meta"):
        parts = assemble(config, "meta")
    assert parts.total_steps == 64_000
    assert parts.dataset.num_train == 45_000
    lr = [config.optim["lr"] * parts.schedule.factor(step) for step in range(64_000)]
    begins = 0.01 if name == "resnet110" else 0.1
    expected = {0: begins, 399: begins, 400: 0.1, 31_999: 0.1, 32_000: 0.01, 47_999: 0.01}
    for step, rate in {**expected, 48_000: 0.001, 63_999: 0.001}.items():
        assert lr[step] == pytest.approx(rate), step


def test_a_recipe_may_be_looked_at_for_three_steps(tmp_path):
    parts = assemble(composed("resnet20", tmp_path, "trainer=smoke"), "meta")
    assert (parts.total_steps, parts.epochs) == (3, 1)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["schedule.milestones=[32000,70000]"], "milestone 70000 is past the end of the run of"),
        (["trainer.epochs=100"], "milestone 48000 is past the end of the run of 35100 steps"),
        (["schedule.unit=epochs"], "milestone 32000 is past the end of the run of 183 epochs"),
        (["schedule.warmup=64233"], "warmup=64233 is as long as the run of 64233 steps"),
        (["batch_size=50000"], "batch_size=50000 is larger than the training set"),
    ],
)
def test_a_plan_beyond_the_end_is_refused(words, message, tmp_path):
    with pytest.raises(CnnlabError, match=message):
        assemble(composed("resnet20", tmp_path, *words), "meta")


def test_a_warmup_as_long_as_the_run_is_refused():
    words = ["data=cifar10", "schedule.warmup_epochs=10"]
    with pytest.raises(CnnlabError, match="warmup_epochs=10 is as long as the run of 10"):
        assemble(compose(words, preflight=False), "meta")


def test_color_of_grey_images_is_refused():
    words = ["data=mnist", "data.augment.color=0.1"]
    with pytest.raises(CnnlabError, match=r"data\.augment\.color=0\.1 shifts red, green and blue"):
        assemble(compose(words, preflight=False), "meta")
