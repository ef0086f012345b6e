"""What a classifier answered, as figures: how sure it was, class by class, its worst mistakes.

Read ``calibration.py`` (confidence against accuracy), ``confusion.py``, ``per_class.py``,
``mistakes.py``. They know arrays alone; the confusion matrix is drawn by ``training/pictures/``, as
after every training.
"""
