"""The table of commands: each runs what takes its options, and each help is what a manual would say."""

from __future__ import annotations

import typing

import pytest

from deskq.cli.options.acting import AbortOptions, RetryOptions, SendOptions
from deskq.cli.options.declaring import Options
from deskq.cli.options.reading import TasksOptions
from deskq.cli.options.shared import ActingOptions
from deskq.cli.parser.parser import COMMANDS, parse
from tests.unit.cli.test_exit_status import words_of


@pytest.mark.parametrize("name", COMMANDS)
def test_a_command_runs_what_takes_its_options(name: str) -> None:
    command = COMMANDS[name]
    options = command.options_class()
    assert issubclass(options, Options)
    runner = command.runner()
    (taken, *others) = [kind for key, kind in typing.get_type_hints(runner).items() if key != "return"]
    assert others == []
    assert issubclass(options, taken)


@pytest.mark.parametrize("name", COMMANDS)
def test_an_example_is_of_its_command(name: str) -> None:
    for example in COMMANDS[name].examples:
        assert parse(words_of(example)).command.name == name


def test_an_option_has_its_value() -> None:
    options = parse(["tasks", "shop", "--state", "FAILURE", "--limit", "7", "--sep", "x", "--watch-queue", "a"]).options
    assert vars(options) == vars(
        TasksOptions(
            history="shop", state=("FAILURE",), limit=7, overrides={"redis": {"sep": "x"}, "watch_queues": ("a",)}
        )
    )


def test_options_may_stand_between_ids() -> None:
    options = parse(["retry", "shop", "a", "--canary", "b"]).options
    assert vars(options) == vars(RetryOptions(profile="shop", ids=("a", "b"), canary=True))


def test_a_field_of_a_profile_may_have_a_second_flag() -> None:
    for flag in ("--backend", "--result-backend"):
        options = parse(["abort", "shop", "a", flag, "redis://h/1"]).options
        assert vars(options) == vars(
            AbortOptions(profile="shop", ids=("a",), overrides={"result_backend": "redis://h/1"})
        )


def test_the_commands_that_change_something_share_their_options() -> None:
    acting = {name for name, one in COMMANDS.items() if issubclass(one.options_class(), ActingOptions)}
    assert acting == {
        *("send", "retry", "revoke", "abort", "control", "journal"),
        *(f"schedules {verb}" for verb in ("add", "edit", "enable", "disable", "delete", "import")),
    }
    assert vars(parse(["send", "shop", "t", "--dry-run"]).options) == vars(
        SendOptions(profile="shop", task="t", dry_run=True)
    )


@pytest.mark.parametrize("words", [["--log", "info", "profiles", "list"], ["profiles", "list", "--log", "info"]])
def test_a_log_is_asked_for_anywhere(words: list[str]) -> None:
    words = words if words[0] != "--log" else ["profiles", "--log", "info", "list"]
    assert parse(words).log == "info"
