"""Registered augmentations of whole batches: ``augment=[randaugment, random_erasing]``.

One of your own is made with the ImageSpec and its options, then called with pixels, uint8
(N, C, H, W) on the training device, and returns the same kind. It draws from torch's global
generators, which are seeded before each step: so a resumed run is exact. Read in this order:
    random_erasing  the simplest; color_jitter
    operations      colours and geometry, each image by its own strength; hue; warp
    policies        RandAugment and TrivialAugment: which operation for which image
"""

import importlib
import pkgutil

for _module in pkgutil.iter_modules(__path__):
    importlib.import_module(f"{__name__}.{_module.name}")
