"""A first convolution whose fixed kernels remove the correlation of neighbouring pixels."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

PART = 500  # images whose patches are in memory at a time


class WhiteningConv2d(nn.Conv2d):
    """All patches of an image in coordinates in which training patches are uncorrelated.

    The kernels are the principal components of k x k patches, each divided by the root of its
    variance, and then the same with the opposite sign, for the activation that follows. They come
    from training images and are not trained; the bias is. Until ``init_from_images`` is called
    they are random. (N, C, H, W) -> (N, 2 C k^2, H - k + 1, W - k + 1)

    Args:
        eps: added to each variance, so that components without any are not blown up.
    """

    def __init__(self, in_channels: int, kernel_size: int, *, eps: float = 5e-4) -> None:
        super().__init__(in_channels, 2 * in_channels * kernel_size**2, kernel_size)
        self.weight.requires_grad_(False)
        self.eps = eps

    @torch.no_grad()
    def init_from_images(self, images: Tensor) -> None:
        """Compute the kernels from normalised training images (N, C, H, W).

        The second moment of patches stands for their covariance, as normalised images have a mean
        of about 0.
        """
        components = self.weight[0].numel()
        moments = torch.zeros(components, components, dtype=torch.float64)
        count = 0
        for part in torch.split(images, PART):
            patches = F.unfold(part, self.kernel_size)  # (N, C k^2, L)
            moments += torch.einsum("nil,njl->ij", patches, patches).cpu()
            count += patches.shape[0] * patches.shape[2]
        variances, vectors = torch.linalg.eigh(moments / count)  # vectors are columns
        kernels = (vectors / (variances + self.eps).sqrt()).T.view(-1, *self.weight.shape[1:])
        self.weight.copy_(torch.cat([kernels, -kernels]))
