"""A network written in a config as a list of lines: ``conv 64 4 stride=2``.

Read in this order:
    lines       parses a line by the signature of its builder
    builders    one function per kind of line: arguments -> module and output shape
    conv_stack  the registered model
"""
