"""One run, from a checked config to its result.

Read ``run.py`` first, from top to bottom; it calls, in this order: ``assemble.py`` (data set,
model, optimiser, schedule), ``wiring.py`` (training module, data, callbacks, loggers and trainer
put together), ``transfer.py`` (weights to start from) and ``record.py`` (what a run leaves).
``module.py`` trains chunks of steps under Lightning, ``loop.py`` one step after another;
``tasks/`` says what is learnt, ``lightning_bridge.py`` holds what is not public in Lightning.
On several devices ``processes.py`` starts and watches a process for each, ``data_parallel.py``
averages their gradients; ``nodes.py`` trains in processes that torchrun or srun has started.
"""
