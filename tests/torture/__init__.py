"""Hostile input by the thousand, from a seed: ``make torture``, or one of them alone.

PYTHONPATH=tests python -m torture.overrides --count 10000 --seed 0

Each module prints its progress and writes its counts to ``experiments/torture/NAME.json``; its
exit code is 1 if there was a fault. ``trials.py`` is what they have in common.
"""
