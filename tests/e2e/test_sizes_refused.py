"""Numbers that no run can have are refused before any work, by a line that names what can be."""

import pytest

LARGEST = "4294967295"
REFUSED = [
    (["seed=4294967296"], f"seed=4294967296 must be at most {LARGEST}"),
    (["seed=-4294967296"], f"seed=-4294967296 must be at least -{LARGEST}"),
    ([f"seed={10**30}"], f"seed={10**30} must be at most {LARGEST}"),
    ([f"seed={10**400}"], f"seed=1000... (401 digits) must be at most {LARGEST}"),
    (["data=digits", f"data.size={10**30}"], f"data.size={10**30} must be at most {LARGEST}"),
    ([f"data.subset={10**30}"], f"data.subset={10**30} must be at most {LARGEST}"),
    ([f"batch_size={2**63}"], f"batch_size={2**63} must be at most {LARGEST}"),
    (["batch_size=1e300"], f"batch_size=1e+300 must be at most {LARGEST}"),
    ([f"trainer.epochs={2**63}"], f"trainer.epochs={2**63} must be at most {LARGEST}"),
    ([f"trainer.max_steps={10**20}"], f"must be at most {LARGEST}"),
    (["model=mlp", f"model.hidden=[{10**12}]"], f"model.hidden[0]={10**12} must be at most"),
    (["model=mlp", "model.hidden=[4000000000,4000000000]"], "too large for any machine"),
    (["model=mlp", "model.hidden=[1000000,1000000]"], "4.0 TB of weights"),
    (["data=digits", "data.size=1000000"], "images of 1000000x1000000x1 are 4,000.0 GB each"),
    (["data=synthetic", f"data.num_classes={10**9}"], "data.num_classes=1000000000 must be"),
    (["data=synthetic", f"data.channels={10**9}"], "data.channels=1000000000 must be"),
    (["optim.lr=1e39"], "optim.lr=1e+39 must be at most 3.4e+38"),
    ([f"optim.lr={10**400}"], "optim.lr=1000... (401 digits) must be at most 3.4e+38"),
    (["optim.lr=inf"], "optim.lr=inf must be a number"),
    (["optim.lr=nan"], "optim.lr=nan must be a number"),
    (["data.augment.crop=500"], "data.augment.crop=500: a window could contain only padding"),
    (["data.augment.crop=28"], "for images of 28x28x1 at most 27"),
    (["data.augment.cutout=500"], "data.augment.cutout=500: a square could cover the whole image"),
    (["data.augment.mixup=1e38"], "data.augment.mixup=1e+38 must be at least 0 and at most"),
    (["data.augment.color=1e38"], "data.augment.color=1e+38 must be at least 0 and at most"),
    (
        ["batch_size=33", "trainer.devices=2", "trainer.accelerator=cpu"],
        "batch_size=33 is not divisible by trainer.devices=2; give 32 or 34",
    ),
    (
        ["batch_size=1", "trainer.devices=2", "trainer.accelerator=cpu"],
        "batch_size=1 is not divisible by trainer.devices=2; give 2",
    ),
    (
        ["model=mlp", "model.batch_norm=true", "batch_size=1"],
        "model=mlp: batch norm cannot train on one image at a time; give batch_size=2 or more",
    ),
    (
        [
            *("model=mlp", "model.batch_norm=true", "batch_size=2"),
            *("trainer.devices=2", "trainer.accelerator=cpu"),
        ],
        "batch norm cannot train on one image at a time; give batch_size=4 or more",
    ),
]


@pytest.mark.parametrize(("words", "message"), REFUSED, ids=lambda value: str(value)[:40])
def test_refused(cnnlab, tmp_path, words, message):
    answer = cnnlab("train", *words)
    assert (answer.code, "Traceback" in answer.err) == (2, False)
    assert message in answer.err
    assert len(answer.err.strip().splitlines()) <= 2
    assert list(tmp_path.iterdir()) == []


def test_one_image_at_a_time_is_a_batch_without_batch_norm(cnnlab):
    words = ("data.subset=3", "batch_size=1", "trainer.max_steps=2", "trainer.accelerator=cpu")
    assert cnnlab("train", "model=mlp", "model.hidden=[4]", *words).code == 0


def test_the_largest_seed_trains(cnnlab):
    words = ("data.subset=32", "batch_size=32", "trainer.max_steps=1", "trainer.accelerator=cpu")
    assert cnnlab("train", "model=mlp", "model.hidden=[4]", f"seed={LARGEST}", *words).code == 0
