"""Data sets, one file each; every registered class here is exported by ``cnnlab.data``.

Read in this order:
    digits      the simplest: comes with scikit-learn
    downloaded  the base of what torchvision downloads: mnist, cifar
    folder      your own pictures; imagenet reads a copy on disk
    synthetic   generated, for tests
"""
