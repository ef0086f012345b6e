"""A folder that cannot be made or written is refused before any work, and nothing is made."""

import os

import pytest

from cnnlab.registry import CnnlabError
from cnnlab.runs.writable import check_writable, make_folder


def test_a_folder_that_is_not_there_may_be_made(tmp_path):
    check_writable(tmp_path / "a" / "b", "runs_dir=a")
    assert list(tmp_path.iterdir()) == []


def test_a_file_is_no_folder(tmp_path):
    (tmp_path / "file").touch()
    (tmp_path / "link").symlink_to("nowhere")
    for name in ("file", "file/below/it", "link"):
        with pytest.raises(CnnlabError, match="is a file, not a folder"):
            check_writable(tmp_path / name, f"runs_dir={name}")


def test_no_permission_is_said(tmp_path, monkeypatch):
    monkeypatch.setattr(os, "access", lambda path, _: str(path) != str(tmp_path))
    with pytest.raises(CnnlabError, match=f"runs_dir=x: {tmp_path} cannot be written"):
        check_writable(tmp_path / "x", "runs_dir=x")


def test_a_name_too_long_is_said(tmp_path):
    with pytest.raises(CnnlabError, match="a name of more than 255 bytes"):
        check_writable(tmp_path / ("x" * 300), "runs_dir=xxx")


def test_what_the_file_system_refuses_is_said(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(CnnlabError, match="cannot be made: Not a directory"):
        make_folder(tmp_path / "file" / "below")
