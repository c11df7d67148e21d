"""Options as fields of a dataclass: what the parser is made of, and what it makes."""

from __future__ import annotations

import argparse
from typing import Final

import pytest

from deskq.cli.options.declaring import (
    Exclusive,
    Options,
    choice,
    declare,
    either_flag,
    flag,
    integer,
    made,
    number_or_none,
    optional_positional,
    positional,
    positionals,
    string,
    string_or_none,
    strings,
)

PLACE: Final = Exclusive("place", required=True)


class Base(Options):
    """What others take, too."""

    where: str = positional("WHERE", "a place")
    form: str = choice("--form", "a form", choices=("a", "b"), default="a")


class Command(Base):
    """Of one command."""

    names: tuple[str, ...] = positionals("NAME", "names")
    text: str = string("--text", "T", "a text")
    given: str | None = string_or_none("--given", "T", "a text or none")
    many: tuple[str, ...] = strings("--many", "T", "texts")
    count: int = integer("--count", "N", "a count", default=3)
    span: float | None = number_or_none("--span", "S", "a span")
    loud: bool = flag("--loud", "a switch")
    once: bool | None = either_flag("--once", "either")


class Placed(Options):
    """One of two, which must be given."""

    before: str | None = string_or_none("--before", "B", "before", exclusive=PLACE)
    file: str = optional_positional("FILE", "a file", exclusive=PLACE)


def read(*words: str) -> dict[str, object]:
    parser = argparse.ArgumentParser()
    declare(parser, Command)
    return vars(made(Command, parser.parse_args(words)))


def test_what_is_not_given_is_the_default() -> None:
    assert read("here") == vars(Command(where="here"))
    assert (Command(where="").names, Command(where="").count, Command(where="").given) == ((), 3, None)


def test_what_is_given_has_the_type_of_its_field() -> None:
    words = ["here", "n1", "n2", "--many", "x", "--many", "y", "--count", "5", "--span", "1.5", "--loud", "--no-once"]
    found = read(*words, "--given", "", "--form", "b")
    assert found == vars(
        Command(
            where="here",
            names=("n1", "n2"),
            many=("x", "y"),
            count=5,
            span=1.5,
            loud=True,
            once=False,
            given="",
            form="b",
        )
    )
    assert read("here") == vars(Command(where="here")), "the defaults of a repeated option are not shared"


def test_a_whole_number_fits_where_it_is_kept(capsys: pytest.CaptureFixture[str]) -> None:
    assert read("here", "--count", "-1")["count"] == -1
    for text, said in ((str(2**63 - 1), "too large"), ("9" * 20, "too large"), ("1.5", "invalid int value: '1.5'")):
        with pytest.raises(SystemExit):
            read("here", "--count", text)
        assert said in capsys.readouterr().err


def test_own_options_come_before_shared_ones_and_positionals_in_their_order() -> None:
    parser = argparse.ArgumentParser()
    declare(parser, Command)
    help_text = parser.format_help()
    assert help_text.index("--text") < help_text.index("--once") < help_text.index("--form")
    assert "WHERE [NAME ...]" in help_text


@pytest.mark.parametrize("words", [[], ["--before", "x", "file"]])
def test_one_of_a_group(words: list[str]) -> None:
    parser = argparse.ArgumentParser(exit_on_error=False)
    declare(parser, Placed)
    with pytest.raises((argparse.ArgumentError, SystemExit)):
        parser.parse_args(words)
    assert made(Placed, parser.parse_args(["file"])).file == "file"


def test_a_change_leaves_the_rest() -> None:
    before = Command(where="here", count=5)
    after = before.changed(text="x")
    assert (after.text, after.count, after.where, before.text) == ("x", 5, "here", "")
