"""Imports without garbage collection, which is as it was afterwards."""

import gc

import pytest

from cnnlab.discovery import importing


def test_collection_is_off_in_the_block_and_on_again_behind_it():
    try:
        with pytest.raises(ZeroDivisionError), importing():
            _ = 1 / gc.isenabled()
        assert gc.isenabled()
        gc.disable()
        with importing():  # somebody wants it off
            pass
        assert not gc.isenabled()
    finally:
        gc.enable()
        gc.unfreeze()
