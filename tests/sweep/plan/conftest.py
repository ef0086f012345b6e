"""Jobs to be planned."""

from planned_jobs import config, make_job

__all__ = ["config", "make_job"]
