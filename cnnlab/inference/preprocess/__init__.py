"""Anybody's pictures as the inputs of a trained network.

Read ``preprocess.py`` first (the callable of a loaded run), then ``opening.py`` (a file, an array
or an image becomes upright 8-bit pixels) and ``ink.py`` (a drawing on paper becomes a white one on
black, cropped and centred as the training images were).
"""
