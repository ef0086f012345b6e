"""Networks that no machine holds are refused while they are built."""

import pytest
import torch
from torch import nn

from cnnlab.explain import impossible_size
from cnnlab.explain.impossible_size import refuse_impossible_size
from cnnlab.registry import CnnlabError


@pytest.mark.parametrize(("inputs", "outputs"), [(10**12, 10**12), (10**30, 1), (2**63, 1)])
def test_sizes_beyond_64_bits(inputs, outputs):
    with (
        pytest.raises(CnnlabError, match="model=wide would be too large for any machine"),
        torch.device("meta"),
        refuse_impossible_size("wide"),
    ):
        nn.Linear(inputs, outputs)


def test_layers_without_end(monkeypatch):
    monkeypatch.setattr(impossible_size, "MAX_MODULES", 20)
    with (
        pytest.raises(CnnlabError, match="model=deep would have more than 20 layers"),
        refuse_impossible_size("deep"),
    ):
        nn.Sequential(*(nn.Sequential(nn.ReLU()) for _ in range(10**12)))
    nn.Sequential(*(nn.ReLU() for _ in range(30)))  # the limit ends with the block


def test_other_errors_pass():
    with pytest.raises(RuntimeError, match="of another kind"), refuse_impossible_size("broken"):
        raise RuntimeError("of another kind")
