"""From a loaded data set to the batches of each optimiser step.

Read in this order:
    load        a data set's images, where they fit into memory
    memory      images on the training device, batches by index, the order of an epoch
    augment     random changes of a batch
    normalise   uint8 pixels to normalised inputs
    chunks      which images the next steps use; the position of training
    datamodule  all of it as Lightning's data module
"""
