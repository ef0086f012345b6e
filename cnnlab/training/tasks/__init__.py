"""What networks are trained for, one task a file; ``cnnlab/task.py`` says what a task is.

A new file here with a registered class is found by itself. Nothing here imports Lightning.
"""

import importlib
import pkgutil

for _module in pkgutil.iter_modules(__path__):
    importlib.import_module(f"{__name__}.{_module.name}")
