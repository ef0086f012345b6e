"""A mistake is refused before any work: exit code 2, a line or two, nothing written."""

import pytest

REFUSED = [
    (["model=lenet"], "no model 'lenet'; did you mean 'lenet5'?"),
    (["data=mnsit"], "no data 'mnsit'; did you mean 'mnist'?"),
    (["modle=lenet5"], "no option 'modle'; did you mean 'model'?"),
    (
        ["model=resnet", "model.dept=20"],
        "model=resnet has no option 'dept'; did you mean 'model.depth'",
    ),
    (
        ["model=resnet", "model.depth=21"],
        "model=resnet: depth=21 must be 6n+2 (20, 32, 44, 56, 110); the nearest is 20",
    ),
    (["model=resnet20", "model.depth=21"], "model=resnet20: depth=21 must be 6n+2"),
    (["experiment=wrn28_10", "model.depth=27"], "model=wrn28_10: depth=27 must be 6n+4"),
    (["model=alexnet_2012", "data=cifar10"], "model=alexnet_2012: needs images of at least 67x67"),
    (["model=wrn16_4", "+model.foo=1"], "model=wrn16_4 has no option 'foo'"),
    (["model=resnet", "model.depth=abc"], "model.depth=abc must be a whole number"),
    (["+model.foo=1"], "model=lenet5 has no option 'foo'"),
    (["optim.lr=-1"], "optim.lr=-1 must be above 0"),
    (["optim.lr=fast"], "optim.lr=fast must be a number"),
    (["trainer.epochs=0"], "trainer.epochs=0 must be at least 1"),
    (["model=lenet5", "model.depth=20"], "has no option 'depth'; model=densenet has one"),
    (["trainer.precision=8"], "trainer.precision=8 is not allowed"),
    (["trainer.max_time=soon"], "max_time=soon must be like 90s, 10m or 1.5h"),
    (["model._target_=os.getcwd"], "model=lenet5 has no option '_target_'"),
    (["+model._target_=os.getcwd"], "model=lenet5 has no option '_target_'"),
    (
        ["model=conv_stack", "data=digits", "model.layers=[conv 8 9,maxpool 4,conv 8 9]"],
        "line 3 'conv 8 9': kernel 9 does not fit the 6x6 map from line 2",
    ),
    (["model=conv_stack"], "model=conv_stack needs model.layers="),
    (["batch_size=4000"], "batch_size=4000 is larger than the training set: mnist5k has 3500"),
    (["seed=1.5"], "seed=1.5 must be a whole number"),
    (["seed=abc"], "seed=abc must be a whole number"),
    (["seed=-1"], "seed=-1 must be at least 0"),
    (["seed=0,1"], "seed=0,1 has several values: add -m to sweep over them"),
    (["loss.label_smoothing=1"], "loss.label_smoothing=1 must be at least 0 and below 1"),
    (["sweep.name=a/b"], "name=a/b may contain only letters, digits"),
    (
        ["optim=sgd", "optim.momentum=0", "optim.nesterov=true"],
        "optim=sgd: nesterov=true needs momentum",
    ),
    (["trainer.accelerator=gpu"], "accelerator=gpu: this machine has no GPU"),
    (["resume=nowhere"], "nowhere: no such folder"),
    (["model.activation=tahn"], "model.activation=tahn is not allowed; did you mean 'tanh'?"),
    (["model.pool"], "cannot read 'model.pool'"),
]


@pytest.mark.parametrize(("words", "message"), REFUSED, ids=lambda value: str(value)[:40])
def test_refused(cnnlab, tmp_path, words, message):
    answer = cnnlab("train", *words)
    assert answer.code == 2
    assert message in answer.err
    assert len(answer.err.strip().splitlines()) <= 2
    assert "Traceback" not in answer.err
    assert list(tmp_path.iterdir()) == []


def test_a_sweep_lists_every_wrong_job_and_starts_none(cnnlab, tmp_path):
    answer = cnnlab("train", "-m", "model=mlp,lenet,resnet20", "batch_size=128,4000", "seed=0")
    assert answer.code == 2
    lines = answer.err.strip().splitlines()
    assert lines[0] == "cnnlab: 4 of 6 jobs refused; nothing was started"
    assert [line.split(": ")[0].strip() for line in lines[1:]] == [
        "model=mlp batch_size=4000 seed=0, model=resnet20 batch_size=4000 seed=0",
        "model=lenet batch_size=128 seed=0, model=lenet batch_size=4000 seed=0",
    ]
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["test", "."], "not a run folder"),
        (["test", "nowhere"], "nowhere: no such folder"),
        (["compare", "."], "nothing to compare"),
        (["compare", "nowhere"], "nowhere"),
        (["train", "--import", "no_such_module"], "--import no_such_module: No module named"),
        (["models", "--data", "cifra10"], "no data 'cifra10'; did you mean 'cifar10'?"),
    ],
)
def test_other_commands_refuse_too(cnnlab, tmp_path, words, message):
    answer = cnnlab(*words)
    assert answer.code == 2
    assert message in answer.err
    assert "Traceback" not in answer.err
    assert list(tmp_path.iterdir()) == []


def test_debug_shows_the_traceback(cnnlab, monkeypatch):
    from cnnlab.registry import CnnlabError

    monkeypatch.setenv("CNNLAB_DEBUG", "1")
    with pytest.raises(CnnlabError, match="no model 'lenet'"):
        cnnlab("train", "model=lenet")
