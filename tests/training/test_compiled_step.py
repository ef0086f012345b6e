"""trainer.compile: what is compiled, with which options, and how it fails."""

import pytest
import torch
from small_run import AccidentError, CrashAt, network
from torch import nn

from cnnlab.config.extra_metrics import ExtraMetrics
from cnnlab.config.options import TrainerConfig
from cnnlab.registry import CnnlabError
from cnnlab.training import compiled_step
from cnnlab.training.compiled_step import (
    OPTIONS,
    compile_network,
    compile_step,
    refuse_missing_compiler,
)
from cnnlab.training.evaluation import Evaluation


class Loss(nn.Module):
    def forward(self, outputs, inputs, targets):
        return outputs.sum() + inputs.sum(), [targets.sum()]


BATCH = torch.ones(2, 1, 8, 8), torch.arange(2)


def test_modes_are_torchs_own() -> None:
    """torch has either a mode or options, so its modes are written out here."""
    from torch._inductor import list_mode_options

    names = {True: "default", "reduce-overhead": "reduce-overhead", "max-autotune": "max-autotune"}
    assert {mode: list_mode_options(name) for mode, name in names.items()} == OPTIONS


def test_the_forward_pass_and_the_loss_are_compiled_as_one(monkeypatch) -> None:
    seen, marks = [], []

    def compile_(function, **options):
        seen.append(options)
        return function

    monkeypatch.setattr(torch, "compile", compile_)
    monkeypatch.setattr(torch.compiler, "cudagraph_mark_step_begin", lambda: marks.append(1))
    for mode in (True, "reduce-overhead"):
        loss, counts = compile_step(nn.Flatten(), Loss(), mode)(*BATCH)
        assert (loss.item(), [count.item() for count in counts]) == (256, [1])
    graphs = {"fallback_random": True, "triton.cudagraphs": True}
    assert [each["options"] for each in seen] == [{"fallback_random": True}, graphs]
    assert len(marks) == 1


def test_a_network_compiled_alone_is_evaluated_as_it_is(monkeypatch) -> None:
    class Network(nn.Module):  # torch 2.11 does not compile those of torch.nn by themselves
        def forward(self, inputs):
            return inputs.flatten(1)

    compiled, network = [], Network()

    def compile_(**_):
        nn.Module.compile(network, backend=lambda graph, _: compiled.append(1) or graph.forward)

    monkeypatch.setattr(network, "compile", compile_)
    compile_network(network, True)
    Evaluation((), ExtraMetrics()).outputs(network.eval(), BATCH[0])
    assert compiled == []
    network(BATCH[0])
    assert compiled == [1]


def test_a_network_that_torch_cannot_compile_is_named_so(monkeypatch) -> None:
    from torch._dynamo.exc import TorchDynamoException

    def fails(*_):
        error = TorchDynamoException("backend='inductor' raised:")
        error.inner_exception = RuntimeError("CppCompileError\nx.h:1: fatal error: Python.h")
        raise error

    monkeypatch.setattr(torch, "compile", lambda *_, **__: fails)
    with pytest.raises(CnnlabError) as caught:
        compile_step(nn.Flatten(), Loss(), True)(*BATCH)
    assert str(caught.value) == (
        "trainer.compile=true: torch cannot compile this network here: x.h:1: fatal error: "
        "Python.h; trainer.compile=false trains it"
    )


def test_other_errors_of_a_network_are_its_own(monkeypatch) -> None:
    def fails(*_):
        raise RuntimeError("out of memory")

    monkeypatch.setattr(torch, "compile", lambda *_, **__: fails)
    with pytest.raises(RuntimeError, match=r"^out of memory$"):
        compile_step(nn.Flatten(), Loss(), True)(*BATCH)


def test_a_missing_compiler_is_named_before_any_work(monkeypatch) -> None:
    options = TrainerConfig(compile=True, accelerator="cpu")
    monkeypatch.setenv("CXX", "no-such-compiler")
    refuse_missing_compiler(TrainerConfig(accelerator="cpu"))
    with pytest.raises(CnnlabError, match=r"compile=true needs a C\+\+ .* no no-such-compiler"):
        refuse_missing_compiler(options)
    monkeypatch.setattr(compiled_step.shutil, "which", lambda name: name)
    refuse_missing_compiler(options)


def test_one_mode_has_one_value_and_cuda_graphs_no_micro_batches() -> None:
    assert TrainerConfig(compile="default").compile is True
    TrainerConfig(compile=True, accumulate=2)
    with pytest.raises(ValueError, match="compile=max-autotune keeps gradients"):
        TrainerConfig(compile="max-autotune", accumulate=2)


@pytest.mark.slow
def test_compiling_changes_results_by_rounding_only(run) -> None:
    """After 20 steps with dropout and augmentation; a checkpoint of either continues in the other.

    Adam would enlarge the rounding of gradients that are zero, of biases before batch norm.
    """
    options = {"epochs": 1, "every": 10}
    plain = run("plain", **options).fit()
    whole = run("compiled", compile=True, **options).fit()
    assert list(whole.model.state_dict()) == list(network().state_dict())
    crash = (CrashAt("on_train_batch_end", 11),)
    with pytest.raises(AccidentError):
        run("resumed", compile=True, callbacks=crash, **options).fit()
    resumed = run("resumed", **options).fit()
    assert plain.position.global_step == whole.position.global_step == 20
    for name, weights in plain.model.state_dict().items():
        for other in (whole, resumed):
            torch.testing.assert_close(other.model.state_dict()[name], weights, rtol=0, atol=1e-4)
    assert not torch.equal(whole.model[6].weight, network().to("cpu")[6].weight)
