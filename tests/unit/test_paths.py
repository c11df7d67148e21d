"""Directories follow $DESKQ_HOME, are private, and resources are found."""

from __future__ import annotations

import warnings
from pathlib import Path

import pytest

from deskq import paths
from deskq.errors import UserError


def test_directories_follow_the_variable(deskq_home: Path) -> None:
    assert paths.config_dir() == deskq_home / "config"
    assert paths.history_dir() == deskq_home / "state" / "history"
    assert paths.runtime_dir() == deskq_home / "run"
    assert paths.log_dir().stat().st_mode & 0o777 == 0o700


def test_without_the_variable_they_are_the_systems(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DESKQ_HOME")
    assert paths.config_dir().name == "deskq"
    assert paths.config_dir() != paths.state_dir()


def test_a_directory_that_cannot_be_made(deskq_home: Path) -> None:
    (deskq_home / "config").write_text("in the way")
    with pytest.raises(UserError, match="DESKQ_HOME") as raised:
        paths.config_dir()
    assert "File exists" in raised.value.details


def test_a_folder_below_that_cannot_be_made(deskq_home: Path) -> None:
    (paths.state_dir() / "history").write_text("in the way")
    with pytest.raises(UserError, match=r"history\. Make its parent writable"):
        paths.history_dir()


def test_somebody_elses_folder_for_sockets_is_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    class Strict:
        @property
        def user_runtime_dir(self) -> str:
            warnings.warn("XDG_RUNTIME_DIR is not set", stacklevel=1)
            raise PermissionError(1, "owned by another user")

    monkeypatch.setattr(paths, "_DIRS", Strict())
    assert paths.runtime_dir().name == "run"  # under $DESKQ_HOME nobody asks the system
    monkeypatch.delenv("DESKQ_HOME")
    with pytest.raises(UserError, match="owned by another user"):
        paths.runtime_dir()


def test_resources() -> None:
    assert paths.resource("icons/deskq.svg").read_text().lstrip().startswith("<svg")
    with pytest.raises(FileNotFoundError):
        paths.resource("icons/none.svg")
