"""What Hydra would take and nothing in cnnlab would act on is refused, in our words."""

import pytest

from cnnlab.registry import CnnlabError

NO_FIRST_LINE = (
    "experiment=mine: the first line of experiment/mine.yaml must be '# @package _global_'"
)
REFUSED = [
    # a group is chosen by a name
    (["model=5"], "model=5: give a name, model=NAME"),
    (["model=null"], "model=null: give a name, model=NAME"),
    (["model=true"], "model=true: give a name, model=NAME"),
    (["model=[1,2]"], "model=[1,2]: give a name, model=NAME"),
    (["model=[mlp]"], "model=[mlp]: give one name without brackets, model=NAME"),
    (["model={}"], "model={}: give a name, model=NAME"),
    (["model="], "model=: give a name, model=NAME"),
    (["experiment=[]"], "experiment=[]: give a name, experiment=NAME"),
    (["trainer=[]"], "trainer=[]: give one name without brackets, trainer=NAME"),
    (["optim=${model}"], "optim=${model}: give a name, optim=NAME; it cannot be an interpolation"),
    (["model=${oc.decode:x}"], "it cannot be an interpolation"),
    (["model=${oc.env:HOME}"], "it cannot be an interpolation"),
    (["+experiment=resnet20"], "+experiment=resnet20: leave out the +, experiment=resnet20"),
    (["++model=mlp"], "++model=mlp: leave out the +, model=mlp"),
    (["+optim.lr=3"], "+optim.lr=...: leave out the +"),
    (["+optim.momentum=3"], "+optim.momentum=...: leave out the +"),
    (["+trainer.max_steps=3"], "+trainer.max_steps=...: leave out the +"),
    (["+seed=1"], "+seed=...: leave out the +"),
    (["model@foo=mlp"], "model@foo=mlp: leave out @foo, model=mlp"),
    (["+model@foo=mlp"], "+model@foo=mlp: leave out @foo, model=mlp"),
    (["data.name=mnist"], "data.name=mnist: choose it with data=mnist"),
    (["data={name: mnist}"], "data={name: mnist}: choose it with data=mnist"),
    (["-m", "data.name=mnist,digits"], "data.name=mnist,digits: choose it with data=NAME"),
    (["model=MLP"], "no model 'MLP'; did you mean 'mlp'?"),
    (["-m", "model=5,6"], "  model=5: give a name, model=NAME\n"),
    # what a value is made of
    (["optim.lr=${nope}"], "optim.lr: there is no option 'nope'"),
    (["seed=${seed}"], "seed: its value refers to itself"),
    (["optim.lr=${oc.env:NOPE}"], "optim.lr: \"Environment variable 'NOPE' not found\""),
    (["optim.lr=${foo:bar}"], "optim.lr: Unsupported interpolation type foo"),
    (["optim.lr=" + "[" * 400 + "]" * 400], "nested too deeply"),
    # the words themselves
    (["=5"], "=5: an option's name is missing; give KEY=VALUE"),
    (["@x=5"], "@x=5: an option's name is missing; give KEY=VALUE"),
    (["optim.=5"], "cannot read 'optim.=5': 'optim.' is not the name of an option"),
    (["seed"], "cannot read 'seed': give seed=VALUE"),
    (["seed=é"], "cannot read 'seed=é': quote its value, seed='...'"),
    (["optim.lr=${"], "cannot read 'optim.lr=${': quote its value, optim.lr='...'"),
    (["seed=1", "seed=2"], "seed=1 seed=2: seed is given twice; for a sweep over the values -m"),
    # what would be passed over
    (["~optim.momentum"], "~optim.momentum: an option cannot be removed; give it a value, optim"),
    (["~logger.csv"], "~logger.csv: no logger 'csv' is chosen"),
    (["~logger"], "~logger: an option cannot be removed; give it a value, logger=[]"),
    (["hydra.verbose=true"], "hydra.verbose=true: use --verbose; supported options of"),
    (["hydra.run.dir=/etc/xx"], "hydra.run.dir=/etc/xx: cnnlab makes its own run folders and"),
    (["+hydra.run.dir=/etc/xx"], "in runs_dir=..."),
    (["hydra={run:{dir:/etc/xx}}"], "in runs_dir=..."),
    (["hydra.sweep.dir=/etc/xx"], "in runs_dir=..."),
    (["hydra.job.chdir=true"], "in runs_dir=..."),
    (["hydra.launcher=5"], "hydra.launcher=5: supported options of Hydra: hydra/launcher, hydra"),
    (["hydra.job={chdir:true}"], "in runs_dir=..."),
    (["hydra.searchpath=null"], "hydra.searchpath=null: give a list of folders"),
    (["-m", "hydra/launcher=null"], "hydra/launcher=null is not one of cnnlab's launchers"),
    (["-m", "hydra/launcher=[joblib]"], "hydra/launcher=[joblib] is not one of"),
    (["hydra.searchpath=[/nowhere]"], "hydra.searchpath: /nowhere does not exist"),
    (["hydra/launcher=joblib"], "hydra/launcher=joblib: only allowed in sweeps; add -m"),
    (["--cfg", "job", "hydra.verbose=true"], "hydra.verbose=true: use --verbose"),
    (["--cfg", "job", "schedule=[9,choice(a,b)]"], "give a name, schedule=NAME"),
    (["--cfg", "job", "~optim.momentum"], "~optim.momentum: an option cannot be removed"),
    (["--cfg", "job", "--package", "nope"], "package 'nope' not found in config"),
    (["-m", "seed=glob(*)"], "seed=glob(*): there are no such values"),
    (["-m", "seed=range(0)"], "seed=range(0): there are no such values"),
    (["-m", "seed=range(1,5,0)"], "seed=range(1,5,0): the range is infinite"),
    (["-m", "seed=range(1000000000000000)"], "the grid has more than 10^12 jobs; at most 1,000"),
    # names and folders
    (["sweep.name=.."], "sweep.name=.. must name a folder inside runs_dir"),
    (["sweep.name=."], "name=. must name a folder inside runs_dir"),
    (["sweep={name: ..}"], "name=.. must name a folder inside runs_dir"),
    (["sweep.name=/tmp/x"], "name=/tmp/x may contain only letters, digits and . _ + -"),
    (["sweep.name=" + "a" * 300], "a name of more than 255 bytes"),
    (["runs_dir=/dev/null"], "runs_dir=/dev/null: /dev/null is a file, not a folder"),
    (["runs_dir=/dev/null/x"], "runs_dir=/dev/null/x: /dev/null is a file, not a folder"),
    (["runs_dir=~nobody.here/x"], "runs_dir=~nobody.here/x: no such home folder"),
    (["resume="], "resume=: give a run's folder, resume=RUN"),
    (["resume=nope"], "resume=nope: no such folder"),
    (["resume=/dev/null"], "resume=/dev/null is a file; give a run's folder"),
    (["-m", "resume=A,B"], "resume=A,B: no such folder; resume takes one run"),
    (["++resume=nope"], "++resume=nope: leave out the +, resume=nope"),
    (["resume=~nobody.here"], "resume=~nobody.here: no such home folder"),
    (["runs_dir="], "'runs_dir=' does not name a folder"),
    (["-m", "model=mlp,nope", "init.from=a\nb"], "model=nope init.from=a\\nb: no model 'nope'"),
    *[
        ([f"{key}={'é' * 200}"], f"{key}: a name of more than 255 bytes: éé")
        for key in ("resume", "init.from", "runs_dir", "data.root")
    ],
    (["init.from=\ud800"], "no such run folder or file"),
    (["init.from=x.pth," + "é" * 200], "init.from: a name of more than 255 bytes"),
    # values as typed, and numbers that no C integer holds
    (["seed=null"], "seed=null must be a whole number"),
    (["seed='3'"], "seed='3' must be a whole number"),
    (
        ["data.root=x"],
        "has no option 'root'; data=cifar10 has one; data=mnist5k has: augment, subset",
    ),
    (
        ["-m", "hydra/sweeper=optuna", "optim.lr=tag(log,interval(0,1))"],
        "tag log needs numbers above 0, not 0.0",
    ),
    (["model=mlp", "model.hidden=[4000000000,4000000000]"], "too large for any machine"),
    (["data=synthetic", "data.size=1000000000000000"], "data.size=1000000000000000 must be"),
]


@pytest.mark.parametrize(("words", "message"), REFUSED, ids=lambda value: str(value)[:40])
def test_it_is_refused_in_our_words(cnnlab, tmp_path, words, message):
    answer = cnnlab("train", *words)
    assert answer.code == 2
    assert message in answer.err
    assert answer.err.startswith("cnnlab: ")
    assert len(answer.err.strip().splitlines()) <= (3 if "-m" in words else 2)
    assert list(tmp_path.iterdir()) == []


def test_no_warning_of_an_interpolation_reaches_a_person():
    from cnnlab.app.compose import compose

    assert compose(["batch_size=${oc.deprecated:trainer.accumulate}"]).batch_size == 1


# one word each; in process, for a command line takes a second
MEANT = [
    ("lr=0.1", "no option 'lr'; did you mean 'optim.lr'?"),
    ("epochs=5", "no option 'epochs'; did you mean 'trainer.epochs'?"),
    ("+epochs=5", "no option 'epochs'; did you mean 'trainer.epochs'?"),
    ("data.batch_size=4", "no option 'data.batch_size'; did you mean 'batch_size'?"),
    ("optim={learning_rate: 1}", "no option 'optim.learning_rate'; did you mean 'optim.lr'?"),
    ("trainer.max_epochs=5", "no option 'trainer.max_epochs'; did you mean 'trainer.epochs'?"),
    ("optimizer=adam", "no option 'optimizer'; did you mean 'optim'?"),
    ("trainer.epoch=5", "no option 'trainer.epoch'; did you mean 'trainer.epochs'?"),
    ("trainer.profiler=simple", "'trainer.profiler'; did you mean 'trainer.profile'?"),
    ("optim.weight_decy=0", "no option 'weight_decy'; did you mean 'optim.weight_decay'?"),
    ("optim.LR=1", "no option 'optim.LR'; did you mean 'optim.lr'?"),
    ("optim_lr=1", "no option 'optim_lr'; did you mean 'optim.lr'?"),
    # of components that are not chosen
    ("dropout=0.5", "no option 'dropout'; model=alexnet has model.dropout"),
    ("width=3", "no option 'width'; model=resnet_imagenet has model.width"),
    ("beta1=0.8", "no option 'beta1'; optim=adam has optim.beta1"),
    ("milestones=[3]", "no option 'milestones'; schedule=multistep has schedule.milestones"),
    ("gamma=0.1", "no option 'gamma'; schedule=multistep has schedule.gamma"),
    ("decay=0.9", "no option 'decay'; callbacks=[ema] has callbacks.ema.decay"),
    ("callbacks.ema.decay=0.9", "no option 'callbacks.ema'; choose it first: callbacks=[ema]"),
    ("logger.wandb.project=x", "choose it first: logger=[tensorboard,wandb]"),
    ("callbacks.emma.decay=0.9", "no option 'callbacks.emma'; did you mean 'ema'?"),
    ("callbacks.early_stopping.patience=3", "did you mean 'trainer.early_stopping'?"),
    ("model.num_classes=10", "no option 'model.num_classes'; it follows from the data set"),
    # as other tools call it
    ("patience=3", "no option 'patience'; did you mean 'trainer.early_stopping'?"),
    ("ckpt_path=x", "no option 'ckpt_path'; did you mean 'resume'?"),
    ("pretrained=true", "no option 'pretrained'; did you mean 'init.from'?"),
    ("trainer.fast_dev_run=true", "did you mean 'debug=one_batch'?"),
    ("device=cuda", "no option 'device'; did you mean 'trainer.accelerator'?"),
    ("top5=true", "no option 'top5'; did you mean 'metrics=[top5]'?"),
    ("smoothing=0.1", "no option 'smoothing'; did you mean 'loss.label_smoothing'?"),
    # at the top level
    ("extras.print_config=true", "no option 'extras' (one of: augment, batch_size, callbacks, "),
    ("experimnt=resnet20", "no option 'experimnt'; did you mean 'experiment'? (one of: "),
    ("debg=overfit", "no option 'debg'; did you mean 'debug'?"),
]


def test_an_option_elsewhere_is_named():
    from cnnlab.app.compose import Composer

    composer = Composer()
    for word, message in MEANT:
        with pytest.raises(CnnlabError) as refused:
            composer(composer.read([word]))
        assert message in str(refused.value)


def test_an_option_of_a_chosen_component_is_named_as_it_is():
    from cnnlab.app.compose import Composer

    composer = Composer()
    for choice, word, meant in (
        ("data=synthetic", "model.num_classes=3", "data.num_classes"),
        ("optim=adam", "beta1=0.8", "optim.beta1"),
        ("schedule=plateau", "patience=3", "schedule.patience"),
        ("callbacks=[ema]", "decay=0.9", "callbacks.ema.decay"),
    ):
        with pytest.raises(CnnlabError, match=f"did you mean '{meant}'"):
            composer(composer.read([choice, word]))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("trainer: {epochs: 3}\n", NO_FIRST_LINE),
        ("defaults: [{override /model: mlp}]\nseed: 3\n", NO_FIRST_LINE),
        ("# @package _global_\nlr: 0.1\n", "no option 'lr'; did you mean 'optim.lr'?"),
    ],
)
def test_a_recipe_that_sets_nothing_is_refused(tmp_path, monkeypatch, text, message):
    from cnnlab.app.compose import Composer

    monkeypatch.chdir(tmp_path)
    recipe = tmp_path / "conf" / "experiment" / "mine.yaml"
    recipe.parent.mkdir(parents=True)
    recipe.write_text(text)
    composer = Composer()
    with pytest.raises(CnnlabError) as refused:
        composer(composer.read(["experiment=mine"]))
    assert str(refused.value) == message


def test_a_component_of_a_list_can_be_removed():
    from cnnlab.app.compose import compose

    assert compose(["logger=[tensorboard,csv]", "~logger.csv"]).logger == {"tensorboard": {}}


@pytest.mark.parametrize(
    "name", ["2026_11_24", "1.10", "007", "1e3", "true", "null_", "2026-11-24"]
)
def test_a_name_is_kept_as_typed(name):
    from cnnlab.app.command import read_command

    command = read_command(["model=mlp", f"sweep.name={name}", f"runs_dir={name}"], None)
    job = command.make_job(command.overrides)
    assert job.run_dir.path.parent.as_posix() == f"{name}/{name}"
    assert job.config.sweep.name == name


@pytest.mark.parametrize(
    ("key", "typed", "value"),
    [
        ("logger.mlflow.experiment", "2026_11", "2026_11"),
        ("logger.wandb.project", "1.10", "1.10"),
        ("logger.wandb.entity", "null", None),
        ("data.root", "1e3", "1e3"),
    ],
)
def test_other_text_is_kept_as_typed(key, typed, value):
    from cnnlab.app.compose import Composer

    composer = Composer()
    words = ["data=folder", "logger=[mlflow,wandb]", f"{key}={typed}"]
    node = composer(composer.read(words))
    for name in key.split("."):
        node = node[name]
    assert node == value


def test_numbers_stay_numbers():
    from cnnlab.app.compose import compose

    config = compose(["trainer.checkpoint_every=500", "trainer.precision=16", "optim.lr=1e-2"])
    assert config.trainer.save_every == (500, None)
    assert config.trainer.precision == "16"
    assert config.optim["lr"] == 0.01


def test_a_recipe_may_name_the_sweep(tmp_path, monkeypatch):
    from cnnlab.app.command import read_command

    monkeypatch.chdir(tmp_path)
    recipe = tmp_path / "conf" / "experiment" / "mine.yaml"
    recipe.parent.mkdir(parents=True)
    recipe.write_text("# @package _global_\nsweep: {name: study_1}\n")
    for words in (["experiment=mine"], ["sweep={name: study_1}"]):
        command = read_command(words, None)
        assert command.make_job(command.overrides).run_dir.path.parent.name == "study_1"


def test_a_broken_yaml_is_refused_in_a_line(cnnlab, tmp_path):
    broken = tmp_path / "conf" / "model" / "broken.yaml"
    broken.parent.mkdir(parents=True)
    broken.write_text("defaults: [mlp, _self_]\nhidden: [3\n")
    answer = cnnlab("train", "model=broken")
    assert answer.code == 2
    assert "broken.yaml" in answer.err
    assert len(answer.err.strip().splitlines()) <= 2
