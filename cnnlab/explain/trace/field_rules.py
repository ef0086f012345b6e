"""Which rule each operation of torch follows: what it does to a receptive field.

An operation that is not in the table is taken to be elementwise.
"""

from cnnlab.explain.trace.axis_rules import (
    attention,
    broadcast,
    concatenated,
    indexed,
    moved,
    permuted,
    product,
    reduced,
    selected,
    sliced,
    unknown,
    viewed,
)
from cnnlab.explain.trace.field import Rule
from cnnlab.explain.trace.window_rules import adaptive, convolution, interpolated, padded, pool

RULES: dict[str, Rule] = {
    "convolution": convolution,
    **dict.fromkeys(("max_pool2d_with_indices", "avg_pool2d", "avg_pool3d"), pool),
    **dict.fromkeys(("_adaptive_avg_pool2d", "adaptive_max_pool2d"), adaptive),
    **dict.fromkeys(("upsample_nearest2d", "pixel_shuffle"), interpolated(1)),
    **dict.fromkeys(("upsample_bilinear2d", "_upsample_bilinear2d_aa"), interpolated(2)),
    **dict.fromkeys(("constant_pad_nd", "reflection_pad2d", "replication_pad2d"), padded),
    **dict.fromkeys(("mean", "sum", "amax", "amin", "max", "min", "var", "std"), reduced),
    **dict.fromkeys(("mm", "addmm", "bmm", "baddbmm"), product),
    **dict.fromkeys(("view", "_unsafe_view", "unsqueeze", "squeeze", "reshape"), viewed),
    **dict.fromkeys(("permute", "transpose", "t"), permuted),
    **dict.fromkeys(("slice", "split", "split_with_sizes"), sliced),
    **dict.fromkeys(("select", "unbind"), selected),
    "cat": concatenated,
    **dict.fromkeys(("index", "index_select"), indexed),
    **dict.fromkeys(("add", "sub", "mul", "div", "expand"), broadcast),
    "_scaled_dot_product_flash_attention_for_cpu": attention,
    **dict.fromkeys(("roll", "flip"), moved),
    **dict.fromkeys(("gather", "sort"), unknown),
}
