from contextlib import nullcontext
from types import SimpleNamespace

import torch

from cnnlab.data.dataset import Images
from cnnlab.data.loading.resized_crop import Pictures
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


def test_training_waits_for_its_own_batch_and_not_for_those_that_are_copied_ahead(
    monkeypatch,
) -> None:
    """With streams that only count: each batch's copy is followed by an event, its number."""
    events: list[int] = []
    waited: list[int] = []
    monkeypatch.setattr(torch.cuda, "stream", lambda _: nullcontext())
    monkeypatch.setattr(
        torch.cuda, "current_stream", lambda _: SimpleNamespace(wait_event=waited.append)
    )
    monkeypatch.setattr(torch.Tensor, "record_stream", lambda *_: None)
    monkeypatch.setattr(Pictures, "pinned", lambda pictures: pictures)
    stream = HostStream(IMAGES, torch.device("cpu"), whole=False)
    record = lambda: (events.append(len(events)), len(events) - 1)[1]  # noqa: E731
    monkeypatch.setattr(stream, "_beside", SimpleNamespace(record_event=record))
    chunk = torch.arange(12).view(4, 1, 3)
    stream.announce(chunk.clone(), chunk)
    for number, indices in enumerate(chunk.flatten(0, 1)):
        assert stream.read(indices).values.tolist() == indices.tolist()
        assert waited == list(range(number + 1))
