"""The time of one image: a known one, of few and of many passes, with nothing else changed."""

import time
from contextlib import contextmanager

import pytest
import torch
from torch import nn

from cnnlab.training.latency import single_image_latency

IMAGE = torch.zeros(1, 3, 4, 4)


class Slow(nn.Module):
    """Takes ``seconds``, and ten times as long in its first ``cold`` calls."""

    def __init__(self, seconds: float, cold: int = 0) -> None:
        super().__init__()
        self.seconds, self.cold, self.shapes = seconds, cold, []
        self.dropout = nn.Dropout()

    def forward(self, x):
        self.shapes.append(tuple(x.shape))
        assert not self.training
        assert not torch.is_grad_enabled()
        time.sleep(self.seconds * (10 if len(self.shapes) <= self.cold else 1))
        return torch.rand_like(x)


def test_the_median_of_a_known_time_after_a_warm_up():
    model = Slow(0.002, cold=3)
    model.dropout.eval()
    state = torch.get_rng_state()
    assert single_image_latency(model, IMAGE) == pytest.approx(0.0022, abs=0.0015)
    assert set(model.shapes) == {(1, 3, 4, 4)}
    assert 20 < len(model.shapes) <= 110
    assert torch.equal(torch.get_rng_state(), state)
    assert model.training
    assert not model.dropout.training


@pytest.mark.slow
def test_a_slow_network_is_called_four_times_and_a_fast_one_no_longer_than_needed():
    slow = Slow(0.21)
    assert single_image_latency(slow, IMAGE) == pytest.approx(0.21, rel=0.2)
    assert len(slow.shapes) == 1 + 3
    fast = Slow(0)
    single_image_latency(fast, IMAGE)
    assert len(fast.shapes) == 10 + 100


def test_the_precision_is_that_of_the_run():
    entered, seen = [], []

    @contextmanager
    def precision():
        entered.append(1)
        with torch.autocast("cpu", torch.bfloat16):
            yield

    model = nn.Sequential(nn.Flatten(), nn.Linear(48, 2))
    model.register_forward_hook(lambda *call: seen.append(call[2].dtype))
    single_image_latency(model, IMAGE, precision())
    assert entered == [1]
    assert set(seen) == {torch.bfloat16}


def test_a_compiled_network_is_not_compiled_again():
    class Network(nn.Module):  # torch 2.11 does not compile those of torch.nn by themselves
        def __init__(self):
            super().__init__()
            self.classifier = nn.Linear(48, 2)

        def forward(self, images):
            return self.classifier(images.flatten(1))

    graphs = []

    def backend(graph, _):
        graphs.append(graph)
        return graph.forward

    model = Network()
    model.compile(backend=backend, dynamic=False)
    with torch.no_grad():
        before = model(torch.ones(4, 3, 4, 4))
        assert len(graphs) == 1
        assert single_image_latency(model, IMAGE, is_compiled=True) < 0.1
        assert torch.equal(model(torch.ones(4, 3, 4, 4)), before)
        assert len(graphs) == 1  # and what was compiled is used as before
        model(IMAGE)
        assert len(graphs) == 2  # which is what has been avoided
