"""Runs that start from trained weights: what they learn, which runs they are, what is refused."""

import shutil

import pytest
import torch
from safetensors.torch import save_file

from cnnlab import load_run, train
from cnnlab.app.compose import compose
from cnnlab.models import MLP
from cnnlab.runs.naming import run_name
from cnnlab.runs.run_dir import RunDir, find_runs
from cnnlab.spec import ImageSpec
from cnnlab.training.assemble import assemble
from cnnlab.training.transfer import start

QUICK = ["data=synthetic", "data.num_train=64", "data.size=12", "batch_size=16", "trainer=smoke"]
CODE = ["model.hidden=[16,8]"]
PLAIN = ["optim.momentum=0", "optim.weight_decay=0", "schedule=constant"]


def mlp() -> MLP:
    return MLP(ImageSpec(1, 12, 12, 10), hidden=(8,))


# What is learnt


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> RunDir:
    """An autoencoder's finished run, made once."""
    place = f"runs_dir={tmp_path_factory.mktemp('source')}"
    return train(["model=autoencoder", *CODE, *QUICK, place])[0]


@pytest.fixture
def pretrained(made, tmp_path) -> RunDir:
    """The same in a folder of the test's own."""
    return RunDir(shutil.copytree(made.path, tmp_path / "code" / made.name))


def weights(run: RunDir) -> dict[str, torch.Tensor]:
    return load_run(run).model.state_dict()


CLASSIFIER = ["train", "model=encoder_classifier", *CODE, *QUICK]


@pytest.mark.slow
def test_a_frozen_code_stays_and_its_classifier_learns(cnnlab, pretrained):
    answer = cnnlab(*CLASSIFIER, f"init.from={pretrained}", "init.freeze=encoder.*")
    assert answer.code == 0, answer.err
    run = RunDir(answer.out.splitlines()[-1])
    before, after = weights(pretrained), weights(run)
    assert all(torch.equal(after[n], before[n]) for n in after if n.startswith("encoder."))
    assert run.result()["trainable_params"] == 8 * 10 + 10
    assert run.config()["init"] == {"from": str(pretrained), "freeze": "encoder.*", "head": "keep"}
    for said in (answer.err, run.log_file.read_text()):
        assert "4 tensors loaded" in said
        assert "classifier.weight (10, 8): not in the file or run, re-initialised" in said
        assert "decoder.0.weight (16, 8): not in the model, ignored" in said


@pytest.mark.slow
def test_frozen_batch_norm_keeps_its_statistics_through_a_run(cnnlab):
    words = ["train", "model=resnet", "model.depth=8", *QUICK]
    source = RunDir(cnnlab(*words, "sweep.name=source").out.splitlines()[-1])
    for pattern, kept in (("*", True), ("*.weight", False)):
        answer = cnnlab(*words, f"init.from={source}", f"init.freeze={pattern}", "init.head=new")
        run = RunDir(answer.out.splitlines()[-1])
        before, after = weights(source), weights(run)
        means = [name for name in after if name.endswith("running_mean")]
        assert len(means) == 7
        assert all(torch.equal(after[name], before[name]) == kept for name in means)
        assert not torch.equal(after["classifier.bias"], before["classifier.bias"])


@pytest.mark.slow
def test_the_backbone_s_learning_rate_is_a_share_of_the_head_s(cnnlab, pretrained):
    """One plain step moves a weight by lr * gradient: the encoder's move becomes a tenth."""
    words = [*CLASSIFIER, *PLAIN, "trainer.max_steps=1", f"init.from={pretrained}", "optim.lr=0.5"]
    runs = [
        RunDir(cnnlab(*words, f"optim.backbone_lr={share}").out.splitlines()[-1])
        for share in ("1", "0.1")
    ]
    whole, tenth = (weights(run) for run in runs)
    before = weights(pretrained)
    for name in whole:
        if name.startswith("encoder."):
            moved = whole[name] - before[name]
            assert moved.abs().max() > 0
            torch.testing.assert_close(tenth[name] - before[name], 0.1 * moved, atol=1e-7, rtol=0)
        else:
            assert torch.equal(whole[name], tenth[name])
    assert list(runs[1].metrics()["lr"]) == [0.5]


def test_a_backbone_without_parameters_is_refused(cnnlab, pretrained):
    words = [*CLASSIFIER, f"init.from={pretrained}", "init.freeze=encoder.*"]
    answer = cnnlab(*words, "optim.backbone_lr=0.1")
    assert "optim.backbone_lr=0.1: all but the last layer is frozen" in answer.err


@pytest.mark.slow
def test_a_new_head_begins_as_it_would_without_weights(cnnlab):
    words = ["model=mlp", "model.hidden=[8]", *QUICK]
    source = RunDir(cnnlab("train", *words).out.splitlines()[-1])
    for head, fresh in (("new", True), ("keep", False)):
        config = compose([*words, f"init.from={source}", f"init.head={head}"])
        torch.manual_seed(3)
        parts = assemble(config)
        first = {name: value.clone() for name, value in parts.model.state_dict().items()}
        found = start(parts.model, config.init, parts.head)
        assert ("classifier.weight" not in found.weights) == fresh
        parts.model.load_state_dict(found.weights, strict=False)
        now, trained = parts.model.state_dict(), weights(source)
        assert torch.equal(now["hidden.0.weight"], trained["hidden.0.weight"])
        expected = first if fresh else trained
        assert torch.equal(now["classifier.weight"], expected["classifier.weight"])


# Which run it is


@pytest.mark.parametrize(
    ("source", "word"),
    [
        ("runs/single/autoencoder_mnist_hidden128-64_lr0.02-c3b733ba", "from-autoencoder-c3b733ba"),
        ("weights/resnet18-f37072fd.pth", "from-resnet18-f37072fd"),
        ("'my own.safetensors'", "from-my-own"),
        ("null", "from-null"),
    ],
)
def test_a_run_s_name_says_in_short_what_it_started_from(source, word):
    choices = {"model": "mlp", "data": "digits"}
    assert run_name(choices, [("init.from", source)]) == f"mlp_digits_{word}"


@pytest.mark.slow
def test_a_run_is_told_by_its_source_and_not_by_where_that_lies(cnnlab, pretrained):
    words = [*CLASSIFIER, "init.freeze=encoder.*"]
    assert cnnlab(*words, f"init.from={pretrained}").code == 0
    shutil.copytree(pretrained.path, "elsewhere/moved")
    assert "already done" in cnnlab(*words, "init.from=elsewhere/moved").err
    other = cnnlab("train", "model=autoencoder", *CODE, *QUICK, "seed=1", "sweep.name=other")
    again = cnnlab(*words, f"init.from={other.out.splitlines()[-1]}")
    assert again.code == 0
    assert "already done" not in again.err
    assert len(find_runs(["runs/single"])) == 2


@pytest.mark.slow
def test_a_file_is_told_by_its_content(cnnlab, tmp_path):
    words = ["train", "model=mlp", "model.hidden=[8]", *QUICK]
    state = mlp().state_dict()
    save_file(state, tmp_path / "a.safetensors")
    save_file(state, tmp_path / "b.safetensors")
    assert cnnlab(*words, "init.from=a.safetensors").code == 0
    assert "already done" in cnnlab(*words, "init.from=b.safetensors").err
    save_file({name: value + 1 for name, value in state.items()}, tmp_path / "b.safetensors")
    assert "already done" not in cnnlab(*words, "init.from=b.safetensors").err


@pytest.mark.slow
def test_seeds_that_start_from_seeds_are_one_row_of_a_comparison(cnnlab):
    from cnnlab import compare

    sources = [
        cnnlab("train", "model=autoencoder", *CODE, *QUICK, f"seed={seed}").out.splitlines()[-1]
        for seed in (0, 1)
    ]
    for seed, source in enumerate(sources):
        cnnlab(*CLASSIFIER, f"init.from={source}", f"seed={seed}", "sweep.name=ours")
    table = compare(["runs/ours"]).table
    assert list(table["n"]) == [2]


@pytest.mark.slow
def test_starts_can_be_swept_over(cnnlab, pretrained):
    answer = cnnlab("train", "-m", *CLASSIFIER[1:], f"init.from=null,{pretrained}", "sweep.name=s")
    assert answer.code == 0, answer.err
    sources = {run.config()["init"]["from"] for run in find_runs(["runs/s"])}
    assert sources == {None, str(pretrained)}


@pytest.mark.slow
def test_a_resumed_run_needs_its_source_no_longer(cnnlab, pretrained):
    words = [*CLASSIFIER, *PLAIN, "init.freeze=encoder.*", f"init.from={pretrained}"]
    words += ["trainer.max_steps=null", "trainer.epochs=1"]
    run = RunDir(cnnlab(*words).out.splitlines()[-1])
    shutil.rmtree(pretrained.path)
    assert cnnlab("test", str(run)).code == 0
    answer = cnnlab("train", f"resume={run}", "trainer.epochs=2")
    assert answer.code == 0, answer.err
    assert "tensors loaded" not in answer.err
    after = RunDir(answer.out.splitlines()[-1])
    assert list(after.metrics()["epoch"]) == [1, 2]
    encoder = [name for name in weights(run) if name.startswith("encoder.")]
    assert all(torch.equal(weights(after)[name], weights(run)[name]) for name in encoder)
    refused = cnnlab("train", f"resume={run}", "trainer.epochs=3", "init.freeze=null")
    assert f"init.freeze=null: resume continues with the weights of {run.name}" in refused.err


# What is refused, before anything is trained


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["init.from=nowhere"], "init.from=nowhere: no such run folder or file"),
        (["init.from=."], ".: not a run folder"),
        (["init.from=broken.safetensors"], "broken.safetensors: cannot be read as weights"),
        (["init.from=evil.pth"], "evil.pth: cannot be read as weights"),
        (["init.from=numbers.pth"], "numbers.pth: has no named tensors"),
        (
            ["init.from=other.safetensors"],
            "no tensor matches the model by name and shape; it has x (2)",
        ),
        (["init.from=mlp.safetensors", "init.freeze=conv*"], "init.freeze=conv* matches no param"),
        (["init.from=mlp.safetensors", "init.freeze=*"], "init.freeze=* freezes every parameter"),
        (["init.freeze=hidden.*"], "init.freeze=hidden.* needs weights to start from"),
        (["init.head=new"], "init.head=new needs weights to start from"),
        (["init.head=old"], "init.head=old is not allowed"),
        (["init.form=x"], "no option 'init.form'; did you mean 'init.from'?"),
        (["optim.backbone_lr=0"], "optim.backbone_lr=0 must be above 0"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_refused_before_training(cnnlab, tmp_path, words, message):
    (tmp_path / "broken.safetensors").write_bytes(b"no header at all")
    torch.save(torch.nn.Linear(1, 1), tmp_path / "evil.pth")  # an object, which would run code
    torch.save({"epoch": 3}, tmp_path / "numbers.pth")
    save_file({"x": torch.zeros(2)}, tmp_path / "other.safetensors")
    save_file(mlp().state_dict(), tmp_path / "mlp.safetensors")
    answer = cnnlab("train", "model=mlp", "model.hidden=[8]", *QUICK, *words)
    assert answer.code == 2
    assert message in answer.err
    assert "Traceback" not in answer.err
    assert not find_runs(["."])


def test_a_run_that_is_not_finished_is_no_source(cnnlab, pretrained):
    pretrained.update_status(state="running")
    answer = cnnlab(*CLASSIFIER, f"init.from={pretrained}")
    assert answer.code == 2
    assert "the run is not finished (state: running)" in answer.err
