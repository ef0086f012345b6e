"""Groups of parameters that an optimiser treats alike: by learning rate and by weight decay.

Without any of these options all parameters form one group, so weight decay also applies to biases
and normalisation, as in the papers that are reproduced here.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Annotated, Any, Literal

from torch import nn

from cnnlab.registry import Flags, Range, nearest

Positive = Annotated[float, Range(above=0)]
LrFactors = Annotated[dict[str, Positive] | None, Flags(neutral=None)]
NoDecay = Annotated[tuple[Literal["bias", "norm"], ...], Flags(neutral=(), ordered=False)]
NORMALIZATION = (
    *(nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d, nn.SyncBatchNorm),
    *(nn.InstanceNorm1d, nn.InstanceNorm2d, nn.InstanceNorm3d),
    *(nn.GroupNorm, nn.LayerNorm, nn.RMSNorm),
)
BIASES = ("bias", "in_proj_bias")  # the second is that of nn.MultiheadAttention


@dataclass(frozen=True)
class NamedParameters:
    """What an optimiser trains, with the names that groups are made by. It iterates over them.

    Attributes:
        named: by their names in the network; of one that layers share, by its first.
        head: the names of those of the last layer.
        norm: the names of those of normalisation: batch, layer, group, instance and RMS norm.
        aliases: the further names of those that layers share.
    """

    named: Mapping[str, nn.Parameter]
    head: frozenset[str] = frozenset()
    norm: frozenset[str] = frozenset()
    aliases: Mapping[str, Sequence[str]] = field(default_factory=dict)

    def __iter__(self) -> Iterator[nn.Parameter]:
        return iter(self.named.values())

    def names(self, name: str) -> list[str]:
        """All names of the parameter whose first is ``name``."""
        return [name, *self.aliases.get(name, ())]


def trained_parameters(network: nn.Module, head: frozenset[str] = frozenset()) -> NamedParameters:
    """The parameters of a network that are not frozen.

    Args:
        head: names of parameters of the last layer, frozen ones too.
    """
    names: dict[nn.Parameter, list[str]] = {}
    for name, parameter in network.named_parameters(remove_duplicate=False):
        if parameter.requires_grad:
            names.setdefault(parameter, []).append(name)
    normalizing = {
        parameter
        for layer in network.modules()
        if isinstance(layer, NORMALIZATION)
        for parameter in layer.parameters(recurse=False)
    }
    return NamedParameters(
        {first: parameter for parameter, (first, *_) in names.items()},
        frozenset(first for first, *others in names.values() if head & {first, *others}),
        frozenset(first for parameter, (first, *_) in names.items() if parameter in normalizing),
        {first: others for first, *others in names.values() if others},
    )


def param_groups(
    params: Iterable[nn.Parameter],
    lr: float,
    *,
    backbone_lr: float = 1.0,
    lr_factors: Mapping[str, float] | None = None,
    no_decay: Sequence[str] = (),
) -> list[dict[str, Any]]:
    """Parameter groups for a torch optimiser, those without a factor first.

    Args:
        params: what the program passes to an optimiser.
        lr: the base learning rate.
        backbone_lr: factor on ``lr`` of all but the last layer's.
        lr_factors: factor on ``lr`` by a glob of parameters' names; those of several multiply,
            and a parameter that layers share has the names that it has in each.
        no_decay: kinds of parameters with ``weight_decay`` 0: bias, norm.

    Raises:
        ValueError: a glob names no parameter, or names are needed and ``params`` has none.
    """
    lr_factors = lr_factors or {}
    if backbone_lr == 1 and not lr_factors and not no_decay:
        return [{"params": list(params)}]
    if not isinstance(params, NamedParameters):
        raise ValueError("backbone_lr, lr_factors and no_decay need named parameters")
    _refuse_unmatched(lr_factors, params)
    groups: dict[tuple[float, bool], list[nn.Parameter]] = {}
    for name, parameter in params.named.items():
        names = params.names(name)
        factor = 1.0 if name in params.head else backbone_lr
        for glob in sorted(lr_factors):
            factor *= lr_factors[glob] if _matches(glob, names) else 1.0
        is_decayed = not (
            ("norm" in no_decay and name in params.norm)
            or ("bias" in no_decay and any(n.rpartition(".")[2] in BIASES for n in names))
        )
        groups.setdefault((factor, is_decayed), []).append(parameter)
    ordered = sorted(groups.items(), key=lambda item: (item[0][0] != 1, not item[0][1]))
    return [
        {
            "params": members,
            **({} if factor == 1 else {"lr": lr * factor}),
            **({} if is_decayed else {"weight_decay": 0.0}),
        }
        for (factor, is_decayed), members in ordered
    ]


def _matches(glob: str, names: Iterable[str]) -> bool:
    return any(fnmatchcase(name, glob) for name in names)


def _refuse_unmatched(lr_factors: Mapping[str, float], params: NamedParameters) -> None:
    every = [name for first in params.named for name in params.names(first)]
    for glob in lr_factors:
        if not _matches(glob, every):
            tops = {f"{name.partition('.')[0]}.*" for name in every}
            some = nearest(glob, tops) or f"; there are {', '.join(list(params.named)[:3])} ..."
            raise ValueError(f"lr_factors: {glob} matches no parameter that is trained{some}")
