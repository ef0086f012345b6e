"""An optimiser's state in a checkpoint, restored under the current options.

torch restores the options with the state: a run continued with another learning rate, momentum or
weight decay would be recorded under the new one and trained with the old.
"""

from collections.abc import Mapping
from typing import Any

from torch import Tensor, nn
from torch.optim import Optimizer

from cnnlab.registry import CnnlabError

KEY = "optimizer"  # in checkpoints; those made before have none


def group_options(optimizer: Optimizer) -> list[dict[str, Any]]:
    """The options of each parameter group, without tensors and the parameters themselves."""
    return [
        {key: v for key, v in group.items() if key != "params" and not isinstance(v, Tensor)}
        for group in optimizer.param_groups
    ]


def describe(
    checkpoint: dict[str, Any],
    optimizer: Optimizer,
    model: nn.Module,
    options: list[dict[str, Any]],
) -> None:
    """Write into ``checkpoint`` what ``adapt`` needs: current options, parameters' names."""
    names = _parameter_names(optimizer, model)
    checkpoint[KEY] = {"options": options, "parameters": names}


def adapt(
    checkpoint: dict[str, Any],
    optimizer: Optimizer,
    model: nn.Module,
    options: list[dict[str, Any]],
) -> None:
    """Rewrite the optimiser's state in ``checkpoint`` for ``optimizer``, which will load it.

    Each parameter keeps its state, whatever group it is in now. Options that have changed since the
    run began get their new value; all others stay as saved, as an optimiser may adapt them.

    Args:
        options: ``group_options(optimizer)`` before any training.

    Raises:
        CnnlabError: the groups are others, and the checkpoint does not name its parameters.
    """
    (saved,) = checkpoint["optimizer_states"]
    recorded: Mapping[str, Any] = checkpoint.get(KEY, {})
    names = _parameter_names(optimizer, model)
    names_then = recorded.get("parameters")
    if names_then is None:
        if [len(group["params"]) for group in saved["param_groups"]] != list(map(len, names)):
            raise CnnlabError(
                "optim.backbone_lr: the checkpoint is of an earlier version and lacks what a "
                "change to or from 1 needs; keep its value"
            )
        names_then = names
    # torch numbers the parameters through all groups
    place = {
        name: (number, index)
        for number, (group, of_group) in enumerate(
            zip(saved["param_groups"], names_then, strict=True)
        )
        for name, index in zip(of_group, group["params"], strict=True)
    }
    options_then = recorded.get("options", saved["param_groups"])
    state, groups, count = {}, [], 0
    for of_group, now in zip(names, options, strict=True):
        number, _ = place[of_group[0]]
        then = options_then[number]
        changed = {key: v for key, v in now.items() if key not in then or then[key] != v}
        indices = list(range(count, count + len(of_group)))
        count += len(of_group)
        groups.append({**saved["param_groups"][number], **changed, "params": indices})
        for index, name in zip(indices, of_group, strict=True):
            if place[name][1] in saved["state"]:
                state[index] = saved["state"][place[name][1]]
    checkpoint["optimizer_states"] = [{**saved, "state": state, "param_groups": groups}]


def _parameter_names(optimizer: Optimizer, model: nn.Module) -> list[list[str]]:
    """The names of each group's parameters."""
    names = {id(parameter): name for name, parameter in model.named_parameters()}
    return [
        [names.get(id(parameter), "") for parameter in group["params"]]
        for group in optimizer.param_groups
    ]
