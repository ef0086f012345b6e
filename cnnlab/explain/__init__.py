"""Looking into a network: its cost and its layers. Knows tensors and nn.Module, no runs.

Read in this order:
    eval_mode  running a model without changing it
    cost       parameters and multiply-adds
    trace/     one image through a network, as a list of calls
    layers/    the calls as a table: terminal, markdown, CSV, JSON
    convolution/  kernels and pooling made visible, on a matrix and on a picture
    answers/ features/ image_changes    what a classifier answered, saw, and withstands
    pictures/ page/    kernels, feature maps, receptive fields, attributions; units to click
"""
