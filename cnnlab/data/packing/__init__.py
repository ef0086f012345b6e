"""Pictures decoded once, into a file that is mapped into memory from then on.

Read in this order:
    pack_file   what such a file holds, and how it is opened and checked
    writer      writing one, so that what is half-written is never taken for whole
    pack        decoding on every core, with progress; what is there already is kept
    cache       where the files are, and which of them holds a data set's pictures
    images      the images of a part, read from the file by index
"""
