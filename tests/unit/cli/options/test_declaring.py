"""Options as fields of a dataclass: what the parser is made of, and what it makes."""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from typing import Final

import pytest

from deskq.cli.options.declaring import (
    Exclusive,
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


@dataclass(frozen=True, kw_only=True)
class Base:
    """What others take, too."""

    where: str = positional("WHERE", "a place")
    form: str = choice("--form", "a form", choices=("a", "b"), default="a")


@dataclass(frozen=True, kw_only=True)
class Options(Base):
    """Of one command."""

    names: tuple[str, ...] = positionals("NAME", "names")
    text: str = string("--text", "T", "a text")
    given: str | None = string_or_none("--given", "T", "a text or none")
    many: tuple[str, ...] = strings("--many", "T", "texts")
    count: int = integer("--count", "N", "a count", default=3)
    span: float | None = number_or_none("--span", "S", "a span")
    loud: bool = flag("--loud", "a switch")
    once: bool | None = either_flag("--once", "either")


@dataclass(frozen=True, kw_only=True)
class Placed:
    """One of two, which must be given."""

    before: str | None = string_or_none("--before", "B", "before", exclusive=PLACE)
    file: str = optional_positional("FILE", "a file", exclusive=PLACE)


def read(options: type[Options], *words: str) -> Options:
    parser = argparse.ArgumentParser()
    declare(parser, options)
    return made(options, parser.parse_args(words))


def test_what_is_not_given_is_the_default() -> None:
    assert read(Options, "here") == Options(where="here")
    assert (Options(where="").names, Options(where="").count, Options(where="").given) == ((), 3, None)


def test_what_is_given_has_the_type_of_its_field() -> None:
    words = ["here", "n1", "n2", "--many", "x", "--many", "y", "--count", "5", "--span", "1.5", "--loud", "--no-once"]
    found = read(Options, *words, "--given", "", "--form", "b")
    assert found == Options(
        where="here", names=("n1", "n2"), many=("x", "y"), count=5, span=1.5, loud=True, once=False, given="", form="b"
    )
    assert read(Options, "here") == Options(where="here"), "the defaults of a repeated option are not shared"


def test_own_options_come_before_shared_ones_and_positionals_in_their_order() -> None:
    parser = argparse.ArgumentParser()
    declare(parser, Options)
    help_text = parser.format_help()
    assert help_text.index("--text") < help_text.index("--once") < help_text.index("--form")
    assert "WHERE [NAME ...]" in help_text


@pytest.mark.parametrize("words", [[], ["--before", "x", "file"]])
def test_one_of_a_group(words: list[str]) -> None:
    parser = argparse.ArgumentParser(exit_on_error=False)
    declare(parser, Placed)
    with pytest.raises((argparse.ArgumentError, SystemExit)):
        parser.parse_args(words)
    assert made(Placed, parser.parse_args(["file"])) == Placed(file="file")
