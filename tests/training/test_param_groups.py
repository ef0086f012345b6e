"""Groups by weight decay and learning rate: their values by hand, and refusals."""

from dataclasses import replace

import pytest
import torch
from torch import nn

from cnnlab.app.compose import compose
from cnnlab.app.overrides import expand_resume, quote, quote_values
from cnnlab.config.flags import component_flags
from cnnlab.registry import CnnlabError
from cnnlab.runs.essential import essential
from cnnlab.runs.identity import identify
from cnnlab.runs.run_dir import RunDir
from cnnlab.training.assemble import assemble
from cnnlab.training.optim import adamw, sgd
from cnnlab.training.param_groups import trained_parameters
from cnnlab.training.transfer import freeze


def network() -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2), nn.Conv2d(2, 2, 1), nn.LayerNorm(2), nn.Linear(2, 3)
    )


def groups(optimizer: torch.optim.Optimizer, model: nn.Module) -> list[tuple[float, float, set]]:
    """Of each group the learning rate, the weight decay and its parameters' names."""
    names = {id(parameter): name for name, parameter in model.named_parameters()}
    return [
        (group["lr"], group["weight_decay"], {names[id(p)] for p in group["params"]})
        for group in optimizer.param_groups
    ]


WEIGHTS, NORMS = {"0.weight", "2.weight", "4.weight"}, {"1.weight", "3.weight"}
BIASES, NORM_BIASES = {"0.bias", "2.bias", "4.bias"}, {"1.bias", "3.bias"}


@pytest.mark.parametrize(
    ("no_decay", "decayed"),
    [
        (("bias", "norm"), WEIGHTS),
        (("norm",), WEIGHTS | BIASES),
        (("bias",), WEIGHTS | NORMS),
    ],
)
def test_no_decay_by_hand(no_decay, decayed) -> None:
    """Without gradients only decay moves a weight: by lr * weight_decay."""
    model = network()
    before = {name: p.detach().clone() for name, p in model.named_parameters()}
    params = trained_parameters(model)
    optimizer = sgd(params, lr=0.5, momentum=0.0, weight_decay=0.1, no_decay=no_decay)
    for parameter in model.parameters():
        parameter.grad = torch.zeros_like(parameter)
    optimizer.step()
    for name, parameter in model.named_parameters():
        factor = 1 - 0.5 * 0.1 if name in decayed else 1
        torch.testing.assert_close(parameter.detach(), before[name] * factor)


def test_lr_factors_multiply_and_the_base_rate_is_first() -> None:
    model = network()
    factors = {"[01].*": 0.1, "*.bias": 2.0}
    optimizer = adamw(trained_parameters(model), lr=1.0, weight_decay=0.3, lr_factors=factors)
    assert groups(optimizer, model) == [
        (1.0, 0.3, {"2.weight", "3.weight", "4.weight"}),
        (0.1, 0.3, {"0.weight", "1.weight"}),
        (0.2, 0.3, {"0.bias", "1.bias"}),
        (2.0, 0.3, {"2.bias", "3.bias", "4.bias"}),
    ]
    both = sgd(
        trained_parameters(model, frozenset({"4.weight", "4.bias"})),
        lr=1.0,
        backbone_lr=0.5,
        lr_factors={"*.weight": 3.0},
        no_decay=("bias",),
    )
    assert groups(both, model) == [
        (1.0, 0.0, {"4.bias"}),
        (1.5, 5e-4, {"0.weight", "1.weight", "2.weight", "3.weight"}),
        (3.0, 5e-4, {"4.weight"}),
        (0.5, 0.0, {"0.bias", "1.bias", "2.bias", "3.bias"}),
    ]


class Shared(nn.Module):
    """Two layers with one weight, and a norm whose weight another module holds first."""

    def __init__(self) -> None:
        super().__init__()
        self.a, self.b = nn.Linear(2, 2), nn.Linear(2, 2)
        self.b.weight = self.a.weight
        self.scale = nn.Module()
        self.scale.gain = nn.Parameter(torch.ones(2))
        self.norm = nn.LayerNorm(2)
        self.norm.weight = self.scale.gain


def test_a_shared_parameter_has_the_names_of_all_its_layers() -> None:
    model = Shared()
    everything = {"a.weight", "a.bias", "b.bias", "scale.gain", "norm.bias"}
    for factors, slowed in {
        "b.*": {"a.weight", "b.bias"},
        "b.weight": {"a.weight"},
        "*.weight": {"a.weight", "scale.gain"},  # once, although two names match
    }.items():
        optimizer = sgd(trained_parameters(model), lr=1.0, lr_factors={factors: 0.5})
        assert groups(optimizer, model) == [
            (1.0, 5e-4, everything - slowed),
            (0.5, 5e-4, slowed),
        ]
    optimizer = sgd(trained_parameters(model), lr=1.0, no_decay=("norm",))
    assert groups(optimizer, model)[1] == (1.0, 0.0, {"scale.gain", "norm.bias"})
    optimizer = sgd(trained_parameters(model, frozenset({"b.weight"})), lr=1.0, backbone_lr=0.1)
    assert groups(optimizer, model)[0] == (1.0, 5e-4, {"a.weight"})


def test_freezing_by_any_name_of_a_shared_parameter_but_never_the_head() -> None:
    for pattern, head, frozen in (
        ("b.*", frozenset(), {"a.weight", "b.bias"}),
        ("a.*", frozenset({"b.weight", "b.bias"}), {"a.bias"}),
    ):
        model = Shared()
        freeze(model, pattern, head)
        assert {n for n, p in model.named_parameters() if not p.requires_grad} == frozen


def test_a_bias_is_one_by_its_whole_name() -> None:
    model = nn.Module()
    model.attention = nn.MultiheadAttention(2, 1)
    model.unbias = nn.Parameter(torch.ones(2, 2))
    model.attention.rel_bias = nn.Parameter(torch.ones(2))
    model.bias = nn.Parameter(torch.ones(2))
    optimizer = sgd(trained_parameters(model), lr=1.0, no_decay=("bias",))
    biases = {"bias", "attention.in_proj_bias", "attention.out_proj.bias"}
    assert groups(optimizer, model)[1] == (1.0, 0.0, biases)


@pytest.mark.usefixtures("cnnlab")
def test_the_order_of_no_decay_makes_no_other_run() -> None:
    configs = [
        compose(["model=mlp", f"optim.no_decay={value}"], preflight=False)
        for value in ("[bias,norm]", "[norm,bias]", "[norm,bias,norm]")
    ]
    assert [config.optim["no_decay"] for config in configs] == [("bias", "norm")] * 3
    assert len({identify(config).config for config in configs}) == 1


def test_off_is_one_group_in_the_networks_order() -> None:
    model = network()
    (group,) = sgd(trained_parameters(model)).param_groups
    assert all(a is b for a, b in zip(group["params"], model.parameters(), strict=True))


@pytest.mark.slow
@pytest.mark.usefixtures("cnnlab")
def test_factors_are_typed_with_or_without_quotes_and_refused_by_name() -> None:
    for key in ("'c[15].*'", '"c[15].*"'):
        config = compose(["model=lenet5", f"optim.lr_factors={{{key}: 0.1}}"])
        assert config.optim["lr_factors"] == {"c[15].*": 0.1}
    optimizer = assemble(config, "meta").optimizer
    assert [group["lr"] for group in optimizer.param_groups] == [0.02, pytest.approx(0.002)]
    for words, said in {
        "optim.lr_factors={c2.*:0.1}": "lr_factors: c2.* matches no parameter that is trained; did",
        "optim.lr_factors={'c1.*':0}": r"optim.lr_factors.c1.*=0 must be above 0",
        "optim.no_decay=[bais]": "optim.no_decay[0]=bais is not allowed; did you mean 'bias'?",
    }.items():
        with pytest.raises(CnnlabError) as refusal:
            compose(["model=lenet5", words])
        assert said in str(refusal.value)


@pytest.mark.slow
@pytest.mark.usefixtures("cnnlab")
def test_a_resumed_run_has_the_factors_whole(tmp_path) -> None:
    words = [
        "model=lenet5",
        "optim.lr_factors={'c[15].*': 0.1,'*.bias':2}",
        "augment=[randaugment]",
    ]
    config = compose(words)
    run = RunDir(tmp_path / "runs" / "single" / "a")
    run.path.mkdir(parents=True)
    run.write_config(config.to_dict())
    again = compose(expand_resume([f"resume={run.path}"])[:-1])
    assert again.optim == config.optim
    assert again.augment == config.augment
    word = f"optim.lr_factors={quote({'c[15].*': 0.1})}"
    assert quote_values([word]) == [word]


@pytest.mark.usefixtures("cnnlab")
def test_only_options_that_are_on_enter_the_identity() -> None:
    config = compose(["model=mlp"], preflight=False)
    optim, trainer = config.optim, config.trainer
    one, other = ({"randaugment": {}}, {"color_jitter": {}})
    changed = [
        config,
        replace(config, optim={**optim, "lr_factors": {"*": 1.0}}),
        replace(config, optim={**optim, "no_decay": ("bias",)}),
        replace(config, trainer=replace(trainer, val_every=2)),
        replace(config, trainer=replace(trainer, overfit=2)),
        replace(config, trainer=replace(trainer, profile=True)),
        replace(config, augment=one | other),
        replace(config, augment=other | one),  # another order
    ]
    assert len({identify(each).config for each in changed}) == len(changed)
    content = essential(config.to_dict(), {"optim": component_flags(sgd)})
    assert "augment" not in content
    assert not {"lr_factors", "no_decay"} & content["optim"].keys()
    assert not {"val_every", "overfit", "profile"} & content["trainer"].keys()
