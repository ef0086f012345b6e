"""Convolution and pooling made visible: on a matrix step by step, on a picture as a whole.

Read in this order:
    matrix     a matrix as typed, checked
    kernels    the named kernels, with what each is for
    placement  where the windows are: padding, stride, output size with its arithmetic
    sliding    cross-correlation and pooling, window by window; step_table: for the terminal
    layout     matrices and lengths of a figure; cells: what is coloured at a step
    slide      one step drawn; strip and animation: all steps
    maps       kernels and pooling on a picture; maps_figure: side by side
"""
