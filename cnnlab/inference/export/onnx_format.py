"""ONNX: one file that onnxruntime and other programs run, with any number of images at a time."""

import contextlib
import importlib.util
import logging
import re
import warnings
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from cnnlab.explain.eval_mode import eval_mode
from cnnlab.inference.export.facts import as_texts
from cnnlab.registry import CnnlabError
from cnnlab.text import first_line

if TYPE_CHECKING:
    from collections.abc import Callable

    from cnnlab.inference.load import Run

PACKAGES = ("onnx", "onnxscript", "onnxruntime")
INPUT, OUTPUT = "images", "outputs"
OPSET = 18  # what torch's exporter is written for: any other is converted from it
MOST_BYTES = 2**31 - 2**20  # of a file: protobuf holds no more
UNSUPPORTED = re.compile(r"No ONNX function found for <OpOverload\(op='([\w.]+)'")


class Onnx:
    """ONNX by torch's exporter; facts are in its ``metadata_props``."""

    suffix = ".onnx"

    def write(self, run: "Run", facts: Mapping[str, Any]) -> bytes:
        require_packages()
        import onnx

        name = run.config.model["name"]
        size = sum(tensor.nbytes for tensor in run.model.state_dict().values())
        if size > MOST_BYTES:
            raise CnnlabError(f"model={name} has {size / 1e9:.1f} GB of weights: ONNX holds 2 GB")
        example = torch.zeros(2, *run.spec.shape)
        try:
            with eval_mode(run.model), _quiet():
                program = torch.onnx.export(
                    run.model,
                    (example,),
                    dynamo=True,
                    input_names=[INPUT],
                    output_names=[OUTPUT],
                    dynamic_shapes=({0: torch.export.Dim("batch")},),
                    opset_version=OPSET,
                    verbose=False,
                )
        except Exception as error:  # of what it cannot export it raises nearly anything
            raise CnnlabError(
                f"model={name} cannot be exported to ONNX: {_reason(error)}"
            ) from error
        assert program is not None
        model = program.model_proto
        onnx.helper.set_model_props(model, as_texts(facts))
        model.producer_name, model.producer_version = "cnnlab", facts["cnnlab"]
        onnx.checker.check_model(model)
        content: bytes = model.SerializeToString()
        return content

    def load(self, file: Path, run: "Run") -> "Callable[[Tensor], Tensor]":  # noqa: ARG002
        require_packages()
        import onnxruntime  # type: ignore[import-untyped]

        options = onnxruntime.SessionOptions()
        options.log_severity_level = 3
        options.intra_op_num_threads = torch.get_num_threads()
        session = onnxruntime.InferenceSession(
            str(file), options, providers=["CPUExecutionProvider"]
        )

        def network(images: Tensor) -> Tensor:
            (outputs,) = session.run([OUTPUT], {INPUT: images.numpy()})
            return torch.from_numpy(outputs)

        return network


def require_packages() -> None:
    """Check that what ONNX needs is installed.

    Raises:
        CnnlabError: a package is missing.
    """
    missing = [package for package in PACKAGES if importlib.util.find_spec(package) is None]
    if missing:
        raise CnnlabError(f"--format onnx needs {missing[0]}: pip install 'cnnlab[explain]'")


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """The exporter's warnings and messages are about its own insides."""
    disabled = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(disabled)


def _reason(error: BaseException) -> str:
    """The operator without a translation, or what the exporter says first."""
    cause: BaseException | None = error
    while cause is not None:
        if match := UNSUPPORTED.search(str(cause)):
            return f"ONNX has no operator for {match[1]}"
        cause = cause.__cause__
    return first_line(error)
