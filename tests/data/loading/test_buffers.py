import sys

import pytest
import torch

from cnnlab.data.loading.buffers import Buffers


def test_memory_is_used_again_once_no_tensor_view_or_graph_has_it() -> None:
    buffers = Buffers()
    first = buffers.acquire((2, 3), torch.float32)
    place = first.data_ptr()
    assert place % 64 == 0
    weight = torch.ones(3, requires_grad=True)
    loss = (first.fill_(2) * weight).sum()  # the graph has the values now
    del first
    second = buffers.acquire((2, 3), torch.float32).fill_(7)
    assert second.data_ptr() != place
    loss.backward()
    assert weight.grad is not None
    assert weight.grad.tolist() == [4, 4, 4]
    del loss
    view = buffers.acquire((2, 3), torch.float32)[0]
    assert view.data_ptr() == place
    assert buffers.acquire((2, 3), torch.float32).data_ptr() != place
    assert len({buffers.acquire((1,), torch.uint8).data_ptr() for _ in range(9)}) == 1
    held = [buffers.acquire((1,), torch.uint8) for _ in range(9)]
    assert len({each.data_ptr() for each in held}) == 9
    assert second.tolist() == [[7] * 3] * 2


def test_nothing_depends_on_how_an_interpreter_counts_references(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sys, "getrefcount", lambda _: 0)  # Python 3.14 has fewer than 3.13
    buffers = Buffers()
    one, other = buffers.acquire((4,), torch.uint8), buffers.acquire((4,), torch.uint8)
    assert one.data_ptr() != other.data_ptr()
