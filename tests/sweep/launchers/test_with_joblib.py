"""joblib's own copy of loky, which it documents nowhere, still does what the launcher needs."""

import os

import pytest
from joblib.externals.loky import get_reusable_executor
from joblib.externals.loky.process_executor import TerminatedWorkerError


@pytest.fixture
def pool():
    """Asks for the pool as the launcher does; its workers are killed at the end."""

    def ask():
        return get_reusable_executor(max_workers=1, timeout=60, env={"CNNLAB_TESTED": "yes"})

    yield ask
    ask().shutdown(kill_workers=True)


@pytest.mark.slow
def test_one_pool_serves_until_a_worker_dies(pool):
    first = pool()
    assert first.submit(os.getenv, "CNNLAB_TESTED").result() == "yes"
    assert pool() is first
    with pytest.raises(TerminatedWorkerError):
        first.submit(os._exit, 3).result()
    assert pool() is not first
    assert pool().submit(os.getpid).result() != os.getpid()
