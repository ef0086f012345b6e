"""Inside a chunk nothing waits for the device: no option of training reads a number back.

Two are left out. Policies and color_jitter draw their order on the CPU, where it is read. A float16
step of RMSprop or Muon, which have no fused kernel, is skipped by a number that GradScaler reads.
"""

from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from unittest import mock

import pytest
import torch
from small_run import SPEC, SPLITS, network
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

from cnnlab.config.schema import build, resolve
from cnnlab.data.loading.augment import Augment
from cnnlab.data.loading.chunks import Chunk
from cnnlab.data.loading.memory import MemoryBatches
from cnnlab.registry import AUGMENTATIONS, LOSSES, OPTIMIZERS
from cnnlab.task import task_named
from cnnlab.training.grad_norm import GradNorm
from cnnlab.training.loop import train_steps
from cnnlab.training.weight_averaging import ExponentialAverage, tensors

# What reads a value to decide a size, or to give it to Python.
READS = (
    *("_local_scalar_dense", "nonzero", "masked_select", "equal", "is_nonzero"),
    *("_unique2", "unique_dim", "unique_consecutive", "repeat_interleave"),
)
# What goes past the dispatcher, and what copies numbers of Python's to the device and waits.
CALLS = ((Tensor, ("tolist", "cpu", "numpy")), (torch, ("tensor", "as_tensor")))


class Reads(TorchDispatchMode):
    """Counts the operations that read values."""

    def __init__(self) -> None:
        super().__init__()
        self.found: Counter[str] = Counter()

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        name = func.overloadpacket.__name__
        is_mask = name == "index" and any(
            index is not None and index.dtype in (torch.bool, torch.uint8) for index in args[1]
        )
        if name in READS or is_mask:
            self.found[name] += 1
        return func(*args, **kwargs or {})


@contextmanager
def counted() -> Iterator[Counter[str]]:
    with ExitStack() as stack:
        reads = stack.enter_context(Reads())
        for owner, names in CALLS:
            for name in names:
                original = getattr(owner, name)

                def call(*args, original=original, name=name, **kwargs):
                    reads.found[name] += 1
                    return original(*args, **kwargs)

                stack.enter_context(mock.patch.object(owner, name, call))
        yield reads.found


AUGMENTS = (None, Augment(crop=1, flip=True, cutout=2, mixup=0.4, cutmix=0.5))
LOSS_OPTIONS = (
    {"name": "cross_entropy"},
    {"name": "cross_entropy", "label_smoothing": 0.1, "class_weights": "balanced"},
    {"name": "focal", "class_weights": "balanced"},
    {"name": "mse", "class_weights": "balanced"},
)


def a_chunk(
    *,
    device: str = "cpu",
    optim: str = "sgd",
    loss: dict[str, object] = LOSS_OPTIONS[1],
    augment: Augment | None = None,
    registered: tuple[str, ...] = (),
    accumulate: int = 1,
    scaled: bool = False,
    layout: torch.memory_format = torch.contiguous_format,
):
    """A function that trains three steps with a norm logged, gradients clipped, weights averaged.

    One step was made before, in which optimisers make their state and caches are filled.
    """
    model = network().to(device, memory_format=layout).train()
    optimizer = build(OPTIMIZERS, resolve(OPTIMIZERS, {"name": optim}), list(model.parameters()))
    for group in optimizer.param_groups:
        group["initial_lr"] = group["lr"]
    loss_config = resolve(LOSSES, dict(loss))
    criterion = task_named("classify").criterion(loss_config, SPEC, SPLITS.train.labels).to(device)
    made = tuple(build(AUGMENTATIONS, {"name": name}, SPEC) for name in registered)
    batches = MemoryBatches(SPLITS.train, SPEC, device, augment, made, memory_format=layout)
    average, current, norm = ExponentialAverage(0.9, warmup=True), tensors(model), GradNorm()
    optimizer.register_step_post_hook(lambda *_: average.average_in(current))
    scaler = torch.amp.GradScaler(device) if scaled else None
    order = torch.arange(16 * 4 * accumulate, device=device).view(4, accumulate, 16)

    def train(first: int, last: int) -> Tensor:
        return train_steps(
            Chunk(0, first, order[first:last], batches),
            lambda inputs, targets: criterion(model(inputs), inputs, targets),
            optimizer,
            [1.0] * (last - first),
            seed=0,
            gradient_clip=1.0,
            gradient_hooks=[norm.note],
            scaler=scaler,
            image_weights=criterion.image_weights,
        )

    train(0, 1)
    return lambda: train(1, 4)


@pytest.mark.parametrize(
    "options",
    [
        *({"optim": name} for name in ("sgd", "adam", "adamw", "rmsprop", "muon")),
        *({"loss": loss, "accumulate": 2} for loss in LOSS_OPTIONS),
        {"augment": AUGMENTS[1], "accumulate": 2, "layout": torch.channels_last},
        {"registered": ("random_erasing",)},
        {"scaled": True},
        {"scaled": True, "optim": "adamw", "accumulate": 2},
    ],
    ids=str,
)
def test_no_number_is_read_within_a_chunk(options) -> None:
    train = a_chunk(**options)
    with counted() as found:
        train()
    assert found == {}


def test_what_would_wait_is_counted() -> None:
    values = torch.arange(3.0)
    with counted() as found:
        values.sum().item(), float(values[0]), bool(values[0] > 1), values[values > 1]
        values.tolist(), values.cpu(), values.numpy(), torch.tensor(1.0)
    assert found == {
        "_local_scalar_dense": 3,
        "index": 1,
        **dict.fromkeys(("tolist", "cpu", "numpy", "tensor"), 1),
    }


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
@pytest.mark.filterwarnings("ignore:Synchronization debug mode is a prototype")
@pytest.mark.parametrize(
    "options",
    [
        *({"optim": name} for name in ("sgd", "adam", "adamw", "rmsprop", "muon")),
        *({"loss": loss, "accumulate": 2} for loss in LOSS_OPTIONS),
        {"augment": AUGMENTS[1], "accumulate": 2, "layout": torch.channels_last},
        {"augment": AUGMENTS[1], "scaled": True},
        {"augment": Augment(crop=1, padding="reflect", flip="alternating")},
        {"augment": Augment(random_resized_crop=(0.3, 1), flip=True)},
        {"registered": ("random_erasing",)},
    ],
    ids=str,
)
def test_a_gpu_is_not_waited_for(options) -> None:
    train = a_chunk(device="cuda", **options)
    torch.cuda.synchronize()
    try:
        torch.cuda.set_sync_debug_mode("error")
        train()
    finally:
        torch.cuda.set_sync_debug_mode("default")
