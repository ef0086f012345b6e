import torch

from cnnlab.data.dataset import Images
from cnnlab.data.loading.stream import HostStream

IMAGES = Images(torch.arange(12, dtype=torch.uint8).view(12, 1, 1, 1), torch.zeros(12))


def test_announced_batches_are_read_ahead_and_others_when_asked_for(monkeypatch) -> None:
    read: list[list[int]] = []
    original = Images.read
    monkeypatch.setattr(
        Images,
        "read",
        lambda self, indices: (read.append(indices.tolist()), original(self, indices))[1],
    )
    stream = HostStream(IMAGES, torch.device("cpu"), whole=False)
    chunk = torch.arange(12).view(4, 1, 3).flip(0)  # steps, micro-batches, images
    stream.announce(chunk.clone(), chunk)
    for number, indices in enumerate(chunk.flatten(0, 1)):
        if number == 2:  # asked for in between
            assert stream.read(torch.tensor([5, 0])).values.tolist() == [5, 0]
            stream.announce(chunk[2:].clone(), chunk[2:])
        assert stream.read(indices).values.tolist() == indices.tolist()
    assert read[0] == [9, 10, 11]
    assert [5, 0] in read
    assert not stream._announced
