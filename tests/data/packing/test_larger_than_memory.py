"""A run on images that are larger than the memory that the process may have."""

from pathlib import Path

import pytest
from commands import Command

# 20,000 images of 224x224x3 are 3.0 GB; the file is sparse, and takes no disk.
DATA = """
import resource, torch
from pathlib import Path
from cnnlab.data.dataset import ImageDataset, Splits
from cnnlab.data.packing.images import PackedImages
from cnnlab.data.packing.pack_file import (
    MAGIC, START, Entry, Stored, footer, index_bytes, open_pack
)
from cnnlab.registry import DATASETS
from cnnlab.spec import ImageSpec

PATH, COUNT, BYTES = Path("large.pack"), 20_000, 224 * 224 * 3

def write():
    entries = [Entry(str(i), "", (0, 0, 0, 0), START + i * BYTES, 224, 224) for i in range(COUNT)]
    index = index_bytes(Stored("crop", 224, 3), entries)
    with open(PATH, "wb") as file:
        file.write(MAGIC)
        file.seek(START + COUNT * BYTES)
        file.write(index + footer(index, file.tell()))

@DATASETS.register("large")
class Large(ImageDataset):
    spec = ImageSpec(3, 224, 224, 2)
    num_train, num_val, num_test = COUNT - 128, 64, 64
    packed = can_pack = fixed_images = True

    def load(self):
        write()
        used = next(int(l.split()[1]) for l in open("/proc/self/status") if l.startswith("VmData"))
        limit = used * 1024 + 1_500_000_000  # half of the images
        resource.setrlimit(resource.RLIMIT_DATA, (limit, limit))
        whole = PackedImages(open_pack(PATH), torch.arange(COUNT), torch.arange(COUNT) % 2, 224)
        try:
            torch.ones(COUNT * BYTES, dtype=torch.uint8)
        except RuntimeError:
            print("they do not fit into memory")
        stops = (0, COUNT - 128, COUNT - 64, COUNT)
        digests = dict.fromkeys(("train", "val", "test"), "large")
        parts = (whole.between(*at) for at in zip(stops, stops[1:]))
        return Splits(*parts, "large", digests)
"""


@pytest.mark.slow
def test_more_images_than_memory_are_trained(tmp_path: Path) -> None:
    (tmp_path / "large_set.py").write_text(DATA)
    words = "train --import large_set data=large model=mlp model.hidden=[2] trainer.max_steps=6"
    rest = "trainer.accelerator=cpu batch_size=64 trainer.checkpoint=last"
    code, said = Command(tmp_path, *words.split(), *rest.split(), fresh=True).end()
    assert code == 0, said
    assert "they do not fit into memory" in said
    assert "test accuracy" in said
