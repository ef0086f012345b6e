"""``python -m cnnlab``, as torchrun starts it: the ``cnnlab`` command."""

import sys

from cnnlab.app.start import main

if __name__ == "__main__":
    sys.argv[0] = "cnnlab"  # the command that a run records
    main()
