"""Directories follow $DESKQ_HOME, are private, and resources are found."""

from __future__ import annotations

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


def test_resources() -> None:
    assert paths.resource("icons/deskq.svg").read_text().lstrip().startswith("<svg")
    with pytest.raises(FileNotFoundError):
        paths.resource("icons/none.svg")
