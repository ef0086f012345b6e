"""The statistics of repeated runs, by scipy and statsmodels.

Read ``summary.py`` (one configuration), ``tests.py`` (the difference of two), ``pairs.py`` (all
differences of a table, corrected for their number) and ``verdict.py`` (in words).
"""
