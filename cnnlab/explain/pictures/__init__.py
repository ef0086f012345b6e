"""Pictures of what a network does with an image. Knows nn.Module, tensors and ImageSpec, no runs.

Read in this order:
    map_layers       which layers return feature maps, and which of them are shown
    capture          their maps, by forward hooks that are removed again
    kernels, strongest, attributions  the other numbers: weights, images, importance of pixels
    drawing          tiles, colours and titles that all figures share
    *_figure         one figure each; every one takes a Figure, or a part of one
    montage          panels on one page
    look, parts      all of it for one image; the entry
"""
