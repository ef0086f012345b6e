"""Pictures of the blocks that models are made of, as SVG, for the page of the models."""

# The layers from left to right; "+" and "concat" are where the shortcut over them joins.
BLOCKS: dict[str, tuple[str, ...]] = {
    "alexnet": ("conv", "ReLU", "max pool"),
    "convnext": ("depthwise 7x7", "layer norm", "linear 4C", "GELU", "linear C", "scale", "+"),
    "densenet": ("norm", "ReLU", "conv 1x1", "norm", "ReLU", "conv 3x3", "concat"),
    "resnet": ("conv 3x3", "norm", "ReLU", "conv 3x3", "norm", "+", "ReLU"),
    "resnet_imagenet": (
        *("conv 1x1", "norm", "ReLU", "conv 3x3", "norm", "ReLU", "conv 1x1", "norm", "+", "ReLU"),
    ),
    "vgg": ("conv 3x3", "ReLU", "conv 3x3", "ReLU", "max pool"),
    "wide_resnet": ("norm", "ReLU", "conv 3x3", "norm", "ReLU", "conv 3x3", "+"),
}
JOINS = ("+", "concat")
WIDTH, HEIGHT, GAP = 92, 30, 14  # of a layer's box, and between two


def picture(model: str) -> str:
    """The block of a model as an SVG element; empty for models without one."""
    if model not in BLOCKS:
        return ""
    shapes, x, top = [], GAP, 40
    middle = top + HEIGHT / 2
    for layer in BLOCKS[model]:
        width = WIDTH if layer not in JOINS else 60
        if layer in JOINS:
            over = f"M {GAP / 2} {middle} V 14 H {x + width / 2} V {top}"
            shapes.append(f'<path d="{over}" fill="none" stroke="currentColor"/>')
        shapes += [
            f'<path d="M {x - GAP} {middle} H {x}" stroke="currentColor"/>',
            f'<rect x="{x}" y="{top}" width="{width}" height="{HEIGHT}" rx="4" fill="none" '
            'stroke="currentColor"/>',
            f'<text x="{x + width / 2}" y="{middle + 4}" text-anchor="middle" font-size="12" '
            f'fill="currentColor">{layer}</text>',
        ]
        x += width + GAP
    shapes.append(f'<path d="M {x - GAP} {middle} H {x}" stroke="currentColor"/>')
    box = f'viewBox="0 0 {x} {top + HEIGHT + 6}" style="max-width: {x}px; width: 100%"'
    return f'<svg role="img" aria-label="A block of {model}" {box}>{"".join(shapes)}</svg>'
