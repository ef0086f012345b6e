"""The registered models of this package, and what some of them need to be built."""

import cnnlab.models  # noqa: F401  (fills the registry)
from cnnlab.registry import MODELS

REQUIRED = {
    "conv_stack": {"layers": ["conv 8 3 padding=same", "batchnorm", "relu", "maxpool 2"]},
    "torchvision": {"arch": "shufflenet_v2_x0_5"},
    "timm": {"arch": "mobilenetv3_small_050"},
}
OURS = [entry for entry in MODELS if entry.component.__module__.startswith("cnnlab.models.")]
