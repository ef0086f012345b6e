"""Starting from trained weights: which of them fit, which stay frozen, which layer is the head."""

import logging
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase

from torch import Tensor, nn

from cnnlab.config.init_options import InitConfig
from cnnlab.explain.eval_mode import blank_image, eval_mode
from cnnlab.registry import CnnlabError
from cnnlab.runs.weights import read_weights
from cnnlab.spec import ImageSpec

log = logging.getLogger("cnnlab")
# The layers whose running statistics do not change in eval mode.
NORMS = (
    *(nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d, nn.SyncBatchNorm),
    *(nn.InstanceNorm1d, nn.InstanceNorm2d, nn.InstanceNorm3d),
)
MAX_LINES = 20  # lines on the terminal; the log has all


@dataclass(frozen=True)
class Match:
    """Trained weights matched with a model: those that fit, by its names, and what does not."""

    weights: dict[str, Tensor]
    unmatched: list[str]  # a line for each tensor, with its shape


def start(model: nn.Module, init: InitConfig, head: frozenset[str]) -> Match:
    """Read ``init.from`` and match it to ``model``, which is not changed yet.

    Raises:
        CnnlabError: there are no such weights, or none fits.
    """
    assert init.from_ is not None
    weights = read_weights(init.from_)
    found = match(model, weights, head if init.head == "new" else frozenset())
    if not found.weights:
        there = next(f"{name} {_shape(value)}" for name, value in weights.items())
        here = next(f"{name} {_shape(value)}" for name, value in model.state_dict().items())
        raise CnnlabError(
            f"init.from={init.from_}: no tensor matches the model by name and shape; "
            f"it has {there}, ..., the model {here}, ..."
        )
    return found


def match(model: nn.Module, weights: Mapping[str, Tensor], new: frozenset[str]) -> Match:
    """Find a weight of the same name and shape for each tensor of ``model``, but not for ``new``.

    Where no name is the same, wrappers such as ``module.`` around all of either are looked through.
    """
    own = dict(model.state_dict())
    names = {name: name for name in own}
    if not names.keys() & weights.keys():
        weights = {inner: weights[name] for inner, name in _unwrapped(weights).items()}
        names = {name: inner for inner, name in _unwrapped(own).items()}
    fitting, unmatched = {}, []
    for name, tensor in own.items():
        there = weights.get(names[name])
        if name in new:
            unmatched.append(f"{name} {_shape(tensor)}: re-initialised (init.head=new)")
        elif there is None:
            unmatched.append(f"{name} {_shape(tensor)}: not in the file or run, re-initialised")
        elif there.shape != tensor.shape:
            unmatched.append(
                f"{name} {_shape(tensor)}: {_shape(there)} in the file or run, re-initialised"
            )
        else:
            fitting[name] = there
    known = set(names.values())
    unmatched += [
        f"{name} {_shape(tensor)}: not in the model, ignored"
        for name, tensor in weights.items()
        if name not in known
    ]
    return Match(fitting, unmatched)


def announce(found: Match, source: str) -> None:
    """Say which tensors were not taken over: on the standard error, and wholly in the log."""
    summary = f"init.from={source}: {len(found.weights)} tensors loaded"
    lines = [f"  {line}" for line in found.unmatched]
    log.info("%s", "\n".join([summary, *lines]))
    if len(lines) > MAX_LINES:
        lines[MAX_LINES:] = [f"  and {len(lines) - MAX_LINES} more: see log.txt"]
    print("\n".join([summary, *lines]), file=sys.stderr)


def _unwrapped(names: Mapping[str, Tensor]) -> dict[str, str]:
    """Names without the first parts that all of them share, to the names as they were."""
    inner = list(names)
    while all("." in name for name in inner) and len({n.partition(".")[0] for n in inner}) == 1:
        inner = [name.partition(".")[2] for name in inner]
    return dict(zip(inner, names, strict=True))


def _shape(tensor: Tensor) -> str:
    return f"({', '.join(map(str, tensor.shape))})"


def find_head(model: nn.Module, spec: ImageSpec) -> frozenset[str]:
    """Names of the parameters of the last layer that has any, in the order in which layers run."""
    ran: list[str] = []
    hooks = [  # before each layer: a network that holds a weight itself also ends last
        module.register_forward_pre_hook(lambda *_, name=name: ran.append(name))
        for name, module in model.named_modules()
        if any(True for _ in module.parameters(recurse=False))
    ]
    try:
        with eval_mode(model):
            model(blank_image(model, spec))
    finally:
        for hook in hooks:
            hook.remove()
    prefix = f"{ran[-1]}." if ran[-1] else ""
    layer = model.get_submodule(ran[-1])
    return frozenset(prefix + name for name, _ in layer.named_parameters(recurse=False))


def freeze(model: nn.Module, pattern: str, head: frozenset[str]) -> None:
    """Take the parameters that ``pattern`` names, but not those of ``head``, out of training.

    Batch norm whose running statistics the pattern names (``features.*`` does, ``*.weight`` does
    not) keeps them: it computes as in evaluation. Dropout in frozen parts stays active.

    Raises:
        CnnlabError: the pattern names nothing, or everything.
    """
    # Of a tensor that layers share, all names: any of them freezes it, or keeps it as the head's.
    tensors = [
        *model.named_parameters(remove_duplicate=False),
        *model.named_buffers(remove_duplicate=False),
    ]
    of_head = {id(tensor) for name, tensor in tensors if name in head}
    named = [
        name for name, tensor in tensors if fnmatchcase(name, pattern) and id(tensor) not in of_head
    ]
    if not named:
        some = ", ".join(name for name, _ in list(model.named_parameters())[:3])
        raise CnnlabError(f"init.freeze={pattern} matches no parameter; the model has {some} ...")
    for name in named:
        owner, _, leaf = name.rpartition(".")
        module = model.get_submodule(owner)
        if isinstance(getattr(module, leaf), nn.Parameter):
            getattr(module, leaf).requires_grad_(False)
        elif isinstance(module, NORMS) and leaf == "running_mean":
            module.eval()  # Lightning leaves every module's mode as it finds it
    if not any(parameter.requires_grad for parameter in model.parameters()):
        raise CnnlabError(
            f"init.freeze={pattern} freezes every parameter; nothing is left to train"
        )
