"""The files of a data set as they were published: found, verified, unpacked.

Read in this order:
    published   what the files are, and what is wrong with those in a folder
    archives    .gz and .tar.gz in the folder, unpacked
    refusals    what was found where and what is missing, in two lines
"""
