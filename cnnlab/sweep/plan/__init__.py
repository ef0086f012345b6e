"""``--plan``: what a command would do, and about how long it would take. Nothing is written.

Read ``plan.py`` first: the state of each job and what is left of it. ``estimate.py`` turns that
into seconds, by steps that ``step_time.py`` measures; ``table.py`` prints the plan of jobs and
``search.py`` that of a search.
"""
