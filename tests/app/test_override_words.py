"""Whatever words are typed: refused by a CnnlabError in at most three lines, or composed."""

import functools
import random

import pytest
from hydra.core.override_parser.overrides_parser import OverridesParser
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from override_words import draw_words

from cnnlab.app.command import read_command
from cnnlab.app.compose import compose
from cnnlab.app.grid import num_jobs
from cnnlab.app.overrides import quote
from cnnlab.app.sweep import MAX_PLANNED, check_jobs
from cnnlab.registry import CnnlabError


@pytest.mark.slow
@settings(max_examples=40, suppress_health_check=list(HealthCheck))
@given(source=st.randoms(use_true_random=False), multirun=st.sampled_from([None, True]))
def test_no_foreign_error_escapes(source: random.Random, multirun: bool | None):
    words = [word for word in draw_words(source) if not word.startswith("-")]
    try:
        command = read_command(words, multirun)
        if not command.is_sweep:
            command.make_job(command.overrides)
        elif num_jobs(command) <= min(20, MAX_PLANNED):
            check_jobs(command)
    except CnnlabError as error:
        lines = str(error).splitlines()
    else:
        lines = []
    assert len(lines) <= 3, words


@functools.cache
def overrides_parser() -> OverridesParser:
    return OverridesParser.create()


@settings(max_examples=100)
@given(st.text(st.characters(exclude_characters="\x00"), max_size=20))
def test_quoted_text_is_read_back(text: str):
    (override,) = overrides_parser().parse_overrides([f"runs_dir={quote(text)}"])
    assert override.value() == text


@pytest.mark.slow
@settings(max_examples=8, suppress_health_check=list(HealthCheck))
@given(st.integers(min_value=-(10**30), max_value=10**30))
def test_integers_of_any_size(number: int):
    for key in ("seed", "batch_size", "trainer.max_steps", "data.subset", "trainer.devices"):
        try:
            config = compose([f"{key}={number}"])
        except CnnlabError:
            continue
        assert 0 <= number < 2**63, (key, config)
