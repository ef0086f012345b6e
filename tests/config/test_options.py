"""The run-level options document themselves where a listing finds it."""

import dataclasses
import re

import pytest

from cnnlab.config.init_options import InitConfig
from cnnlab.config.options import RunConfig, TrainerConfig
from cnnlab.config.sweep_options import SweepConfig


@pytest.mark.parametrize("cls", [RunConfig, InitConfig, SweepConfig, TrainerConfig])
def test_every_option_is_documented_once_and_in_order(cls):
    section = (cls.__doc__ or "").partition("Args:\n")[2]
    entries = re.findall(r"^ {8}(\w+): \S.*", section, flags=re.MULTILINE)
    assert entries == [field.name for field in dataclasses.fields(cls)]
