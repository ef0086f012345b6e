"""An offline page on which the numbers of a network for one image can be clicked through.

Read in this order:
    stages   one pass of an image: what every layer takes and returns
    extent   which layers and maps go onto the page, so that it stays below about 5 MB
    numbers  the same as JSON: maps, kernels, windows, strongest inputs
    render   the page: a template with its style and script in one file; the entry
"""
