"""Jobs to be planned, on a processor of which the plan has nothing to say."""

import pytest
from planned_jobs import config, make_job

from cnnlab.training import cpu_bfloat16

__all__ = ["config", "make_job"]


@pytest.fixture(autouse=True)
def _no_native_bfloat16(monkeypatch) -> None:
    monkeypatch.setattr(cpu_bfloat16, "has_native_bfloat16", lambda: False)
