"""Groups of parameters that an optimiser treats alike: by learning rate and by weight decay.

Without any of these options all parameters form one group, so weight decay also applies to biases
and normalisation, as in the papers that are reproduced here.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Annotated, Any, Literal

from torch import nn

from cnnlab.registry import Flags, Range, nearest

Positive = Annotated[float, Range(above=0)]
LrFactors = Annotated[dict[str, Positive] | None, Flags(neutral=None)]
NoDecay = Annotated[tuple[Literal["bias", "norm"], ...], Flags(neutral=())]
NORMALIZATION = (
    *(nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d, nn.SyncBatchNorm),
    *(nn.InstanceNorm1d, nn.InstanceNorm2d, nn.InstanceNorm3d),
    *(nn.GroupNorm, nn.LayerNorm, nn.RMSNorm),
)


@dataclass(frozen=True)
class NamedParameters:
    """What an optimiser trains, with the names that groups are made by. It iterates over them.

    Attributes:
        named: by their names in the network.
        head: the names of those of the last layer.
        norm: the names of those of normalisation: batch, layer, group, instance and RMS norm.
    """

    named: Mapping[str, nn.Parameter]
    head: frozenset[str] = frozenset()
    norm: frozenset[str] = frozenset()

    def __iter__(self) -> Iterator[nn.Parameter]:
        return iter(self.named.values())


def trained_parameters(network: nn.Module, head: frozenset[str] = frozenset()) -> NamedParameters:
    """The parameters of a network that are not frozen."""
    norm = {
        f"{prefix}.{name}" if prefix else name
        for prefix, layer in network.named_modules()
        if isinstance(layer, NORMALIZATION)
        for name, _ in layer.named_parameters(recurse=False)
    }
    named = {name: p for name, p in network.named_parameters() if p.requires_grad}
    return NamedParameters(named, head, frozenset(norm))


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
        lr_factors: factor on ``lr`` by a glob of parameters' names; those of several multiply.
        no_decay: kinds of parameters with ``weight_decay`` 0: bias, norm.

    Raises:
        ValueError: a glob names no parameter, or names are needed and ``params`` has none.
    """
    lr_factors = lr_factors or {}
    if backbone_lr == 1 and not lr_factors and not no_decay:
        return [{"params": list(params)}]
    if not isinstance(params, NamedParameters):
        raise ValueError("backbone_lr, lr_factors and no_decay need named parameters")
    _refuse_unmatched(lr_factors, params.named)
    groups: dict[tuple[float, bool], list[nn.Parameter]] = {}
    for name, parameter in params.named.items():
        factor = 1.0 if name in params.head else backbone_lr
        for glob in sorted(lr_factors):
            factor *= lr_factors[glob] if fnmatchcase(name, glob) else 1.0
        is_decayed = not (
            ("norm" in no_decay and name in params.norm)
            or ("bias" in no_decay and name.endswith("bias"))
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


def _refuse_unmatched(lr_factors: Mapping[str, float], named: Mapping[str, nn.Parameter]) -> None:
    for glob in lr_factors:
        if not any(fnmatchcase(name, glob) for name in named):
            tops = {f"{name.partition('.')[0]}.*" for name in named}
            some = nearest(glob, tops) or f"; there are {', '.join(list(named)[:3])} ..."
            raise ValueError(f"lr_factors: {glob} matches no parameter that is trained{some}")
