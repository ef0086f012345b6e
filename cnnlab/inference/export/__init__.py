"""A trained run as a file for other programs.

Read ``export.py`` first (written, loaded again and compared), then ``facts.py`` (what is stored
with the weights: classes, normalisation, accuracy), ``formats.py`` and ``onnx_format.py`` (the
three kinds of file), ``check.py`` (the comparison) and ``card.py`` (the model card).
"""
