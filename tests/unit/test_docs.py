"""Every file, command, option, setting and filter field that the documents name exists."""

from __future__ import annotations

import argparse
import re
import shlex
from collections.abc import Iterator
from itertools import product
from pathlib import Path

import pytest

from deskq.cli.parser.command_parser import CommandParser
from deskq.cli.parser.parser import FIRST_WORDS, build_parser, parse
from deskq.history.reading.filter_language import FIELDS
from deskq.views.widgets.commands import BY_KEY

ROOT = Path(__file__).resolve().parents[2]
DOCUMENTS = {
    path.relative_to(ROOT).as_posix(): path.read_text(encoding="utf-8")
    for path in (ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md")))
}
CELERYS_OPTIONS = {"--without-heartbeat", "--without-gossip", "--without-mingle"}
"""What the documents name of ``celery worker``, pytest and ruff."""


def examples() -> list[str]:
    """Command lines of deskq in the documents, with each alternative of ``info|check`` on its own."""
    found = []
    for text in DOCUMENTS.values():
        for line in re.findall(r"^deskq\b(?:(?! > )[^#\n])*", text, re.MULTILINE):  # what is printed may go into a file
            words = [word.split("|") if re.fullmatch(r"[a-z-]+(\|[a-z-]+)+", word) else [word] for word in line.split()]
            found += [" ".join(choice) for choice in product(*words)]
    return found


def parsers(parser: argparse.ArgumentParser) -> Iterator[argparse.ArgumentParser]:
    """All parsers of the command line, with their options, which each gets when it is used."""
    assert isinstance(parser, CommandParser)
    parser.complete()
    yield parser
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for child in action.choices.values():
                yield from parsers(child)


@pytest.mark.parametrize("document", DOCUMENTS)
def test_the_files_that_are_named_exist(document: str) -> None:
    named = set(re.findall(r"`((?:deskq|tests|docs|resources|packaging|\.ci)/[\w./-]*\w)`", DOCUMENTS[document]))
    assert [path for path in sorted(named) if not (ROOT / path).exists()] == []


@pytest.mark.parametrize("document", DOCUMENTS)
def test_the_links_lead_somewhere(document: str) -> None:
    folder = (ROOT / document).parent
    links = re.findall(r"\]\((?!https?:)([^)#]+)\)", DOCUMENTS[document])
    assert [link for link in links if not (folder / link).exists()] == []


@pytest.mark.parametrize("example", examples())
def test_the_commands_that_are_shown_are_understood(example: str) -> None:
    words = shlex.split(example)[1:]
    assert callable(parse(words).command.runner())


def test_there_are_examples_of_most_commands() -> None:
    shown = {shlex.split(example)[1] for example in examples() if len(example.split()) > 1}
    assert len(shown & set(FIRST_WORDS)) > 8


@pytest.mark.parametrize("document", DOCUMENTS)
def test_the_options_that_are_named_exist(document: str) -> None:
    known = {option for parser in parsers(build_parser()) for option in parser._option_string_actions}
    named = set(re.findall(r"`(--[a-z][a-z-]+)", DOCUMENTS[document]))
    assert sorted(named - known - CELERYS_OPTIONS) == []


def test_the_filter_fields_that_are_named_exist() -> None:
    """In the manual's example of a filter, and in those of the command line."""
    text = DOCUMENTS["README.md"]
    filters = re.findall(r"filter with `([^`]+)`", text) + re.findall(r"--filter '([^']+)'", text)
    named = {field for each in filters for field in re.findall(r"\b([a-z]+):", each)}
    assert len(named) > 5
    assert sorted(named - {*FIELDS, "since"}) == []


@pytest.mark.parametrize("document", DOCUMENTS)
def test_the_variables_of_the_environment_are_read(document: str) -> None:
    sources = [*(ROOT / "deskq").rglob("*.py"), *(ROOT / "tests").rglob("*.py"), ROOT / "Makefile"]
    code = "".join(path.read_text(encoding="utf-8") for path in sources)
    named = set(re.findall(r"\bDESKQ_[A-Z]+\b", DOCUMENTS[document]))
    assert [name for name in sorted(named) if name not in code] == []


def test_the_targets_of_make_exist() -> None:
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    named = {name for text in DOCUMENTS.values() for name in re.findall(r"(?:^|`)make ([a-z]+)", text, re.MULTILINE)}
    assert named
    assert sorted(named - targets) == []


def test_the_commands_of_the_window_have_their_keys() -> None:
    """Where the manual says that a key does something, the table of commands has that key."""
    keys = {key for command in BY_KEY.values() for key in command.keys}
    named = set(re.findall(r"`([A-Z]|Shift\+[A-Z])`", DOCUMENTS["README.md"]))
    assert named
    assert sorted(named - keys) == []


def test_every_package_is_on_the_map() -> None:
    text = DOCUMENTS["docs/architecture.md"]
    packages = {path.parent.name for path in (ROOT / "deskq").glob("*/__init__.py")}
    assert sorted(name for name in packages if f"`deskq/{name}`" not in text) == []
