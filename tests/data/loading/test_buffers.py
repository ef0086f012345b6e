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
