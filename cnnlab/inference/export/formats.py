"""The kinds of files that a network is exported to: how each is written, and loaded again."""

import io
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import torch
from torch import Tensor, nn

from cnnlab.config.schema import build
from cnnlab.explain.eval_mode import eval_mode
from cnnlab.inference.ensemble.network import Ensemble
from cnnlab.inference.export.facts import as_texts
from cnnlab.inference.export.onnx_format import Onnx
from cnnlab.registry import MODELS, CnnlabError
from cnnlab.text import first_line

if TYPE_CHECKING:
    from cnnlab.inference.load import Run

FACTS = "cnnlab.json"  # beside the graph in a .pt2
Network = Callable[[Tensor], Tensor]


class Format(Protocol):
    """One kind of file.

    Attributes:
        suffix: of its files' names.
    """

    suffix: str

    def write(self, run: "Run", facts: Mapping[str, Any]) -> bytes:
        """The content of a file with the run's network, in eval mode, and the facts.

        Raises:
            CnnlabError: the network cannot be exported so, or a package is missing.
        """

    def load(self, file: Path, run: "Run") -> Network:
        """The network of such a file: inputs (N, C, H, W) -> outputs."""


class TorchExport:
    """torch.export: graph and weights, for any torch without cnnlab; N is free."""

    suffix = ".pt2"

    def write(self, run: "Run", facts: Mapping[str, Any]) -> bytes:
        example = torch.zeros(2, *run.spec.shape)
        try:
            with eval_mode(run.model):
                batch = ({0: torch.export.Dim("batch")},)
                program = torch.export.export(run.model, (example,), dynamic_shapes=batch)
        except Exception as error:  # of what it cannot trace it raises nearly anything
            name = run.config.model["name"]
            raise CnnlabError(f"model={name} cannot be exported: {first_line(error)}") from error
        content = io.BytesIO()
        torch.export.save(program, content, extra_files={FACTS: json.dumps(facts)})
        return content.getvalue()

    def load(self, file: Path, run: "Run") -> Network:  # noqa: ARG002
        with file.open("rb") as opened:
            module: Network = torch.export.load(io.BytesIO(opened.read())).module()
        return module


class SafeTensors:
    """The weights alone, as safetensors, for ``init.from=`` and other programs."""

    suffix = ".safetensors"

    def write(self, run: "Run", facts: Mapping[str, Any]) -> bytes:
        from safetensors.torch import save

        weights = {  # without memory in common, which safetensors refuses
            name: tensor.detach().cpu().contiguous().clone()
            for name, tensor in run.model.state_dict().items()
        }
        return save(weights, metadata=as_texts(facts))

    def load(self, file: Path, run: "Run") -> Network:
        """A network built from the run's config, with the file's weights."""
        from safetensors.torch import load_file

        def built() -> nn.Module:
            module: nn.Module = build(MODELS, run.config.model, run.spec)
            return module

        members = run.model.models if isinstance(run.model, Ensemble) else None
        model = built() if members is None else Ensemble([built() for _ in members])
        model.load_state_dict(load_file(file))
        return model.eval()


FORMATS: dict[str, Format] = {
    "onnx": Onnx(),
    "torch": TorchExport(),
    "safetensors": SafeTensors(),
}
