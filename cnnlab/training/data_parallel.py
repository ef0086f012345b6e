"""Several devices that train one network: each takes its part of every batch.

Lightning would wrap the whole training module, whose reducer then prepares once for a chunk of
steps. Here the network inside it is wrapped, once for every step's forward and backward pass.
"""

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext

import torch.distributed as dist
from lightning.pytorch.strategies import DDPStrategy
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

SYNCHRONISED: AbstractContextManager[None] = nullcontext()


class NetworkStrategy(DDPStrategy):
    """Lightning's strategy for a process a device, without its wrapper of the training module."""

    def setup_environment(self) -> None:
        """Join the process group, or find that it has been joined.

        Raises:
            RuntimeError: Lightning, which counts ranks by itself, has another one for this
                process: it would train another's part of every batch.
        """
        super().setup_environment()
        if self.global_rank != dist.get_rank():
            raise RuntimeError(
                f"process {dist.get_rank()} is process {self.global_rank} for Lightning, which "
                "takes NODE_RANK and LOCAL_RANK from the environment"
            )

    def configure_ddp(self) -> None:
        """Nothing: ``DataParallel`` averages the gradients."""


def synchronise_batch_norm(network: nn.Module) -> None:
    """Let its batch norms, in place, see the images of all processes; all parameters stay."""
    convert: Callable[[nn.Module], nn.Module] = nn.SyncBatchNorm.convert_sync_batchnorm
    for name, child in network.named_children():
        setattr(network, name, convert(child))


class DataParallel:
    """A network as this process trains it, with gradients that are the mean over all processes.

    Buffers are those of the first process at every step, as its checkpoints hold them. It is not
    an ``nn.Module``, so that the network's parameters keep their names in checkpoints.

    Attributes:
        rank: of this process.
        processes: how many there are.
    """

    def __init__(self, network: nn.Module) -> None:
        self.network = network
        self.rank, self.processes = dist.get_rank(), dist.get_world_size()
        self._trained: list[bool] = []
        self.refresh()

    def refresh(self) -> None:
        """Average the parameters that are trained now: a callback may have frozen or freed some."""
        trained = [parameter.requires_grad for parameter in self.network.parameters()]
        if trained == self._trained:
            return
        self._trained = trained
        self._wrapped = DistributedDataParallel(
            self.network,
            # Any network trains on several devices that does on one; and its buckets stay as they
            # are laid out first, so that sums round alike before and after a resume.
            find_unused_parameters=True,
            gradient_as_bucket_view=True,
        )

    def __call__(self, inputs: Tensor) -> Tensor:
        """The network's outputs, for a backward pass that averages its gradients."""
        outputs: Tensor = self._wrapped(inputs)
        return outputs

    def synchronised(self, *, now: bool) -> AbstractContextManager[None]:
        """For a micro-batch: its gradients are averaged ``now``, or added up until a later one."""
        return SYNCHRONISED if now else self._wrapped.no_sync()

    def sum(self, values: Tensor) -> Tensor:
        """The sum over all processes, in place."""
        dist.all_reduce(values)
        return values
