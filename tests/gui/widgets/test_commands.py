"""The table of commands and the type of their keys say the same, and so does every page."""

from __future__ import annotations

from typing import get_args

from deskq.views.widgets.commands import COMMANDS, CommandKey


def test_each_command_has_its_key_in_the_type() -> None:
    assert [command.key for command in COMMANDS] == list(get_args(CommandKey))
