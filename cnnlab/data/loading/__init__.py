"""From a loaded data set to the batches of each optimiser step.

Read in this order:
    placement   where a data set's images are held; load: its images
    memory      batches by index, the order of an epoch; stream: images that a GPU cannot hold
    resized_crop  random boxes of pictures of any size, resized
    augment     random changes of a batch
    normalise   uint8 pixels to normalised inputs
    chunks      which images the next steps use; the position of training
    datamodule  all of it as Lightning's data module
"""
