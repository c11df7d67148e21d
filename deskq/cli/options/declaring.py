"""Options as fields of a dataclass: each field says what argparse needs, and its type is what mypy knows of it.

The functions below return what a field will hold once the command line is read, so that an annotation which does not
agree with its option is an error of types. ``declare`` makes a parser of a class, ``made`` an object of what was read.
The dataclasses have neither ``__eq__`` nor ``__repr__``: nobody needs them, and they take half of the time.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterable, Sequence
from dataclasses import Field, dataclass, field, fields
from typing import Any, Final, TypeVar

Made = TypeVar("Made")
Value = TypeVar("Value")
_KEY: Final = "argument"


@dataclass(frozen=True, slots=True)
class Exclusive:
    """A group of options of which one at most may be given. ``required``: one must be."""

    name: str
    required: bool = False


@dataclass(frozen=True, slots=True)
class Argument:
    """One argument: ``flags`` as argparse wants them, none for a positional one, and the rest of its settings."""

    flags: tuple[str, ...]
    settings: dict[str, Any]
    exclusive: Exclusive | None


def positional(metavar: str, help: str) -> str:
    """Return a field for an argument that must be given."""
    return _argument((), "", metavar=metavar, help=help)


def positional_choice(metavar: str, help: str, *, choices: Sequence[str]) -> str:
    """Return a field for an argument that must be one of a few words."""
    return _argument((), "", metavar=metavar, choices=tuple(choices), help=help)


def optional_positional(metavar: str, help: str, *, exclusive: Exclusive | None = None) -> str:
    """Return a field for an argument that may be left out, "" where it is."""
    return _argument((), "", exclusive, nargs="?", metavar=metavar, help=help)


def positionals(metavar: str, help: str, *, least: int = 0) -> tuple[str, ...]:
    """Return a field for all further arguments; ``least``: 0 or 1."""
    return _argument((), (), nargs="+" if least else "*", metavar=metavar, help=help)


def flag(name: str, help: str, *, exclusive: Exclusive | None = None) -> bool:
    """Return a field for a switch."""
    return _argument((name,), False, exclusive, action="store_true", help=help)


def hidden_flag(name: str) -> bool:
    """Return a field for a switch that only deskq itself gives."""
    return _argument((name,), False, action="store_true", help=argparse.SUPPRESS)


def either_flag(name: str, help: str) -> bool | None:
    """Return a field for a switch with a ``--no-`` form; None where neither is given."""
    return _argument((name,), None, action=argparse.BooleanOptionalAction, help=help)


def string(name: str, metavar: str, help: str, *, default: str = "", exclusive: Exclusive | None = None) -> str:
    """Return a field for a text."""
    return _argument((name,), default, exclusive, metavar=metavar, help=help)


def string_or_none(name: str, metavar: str, help: str, *, exclusive: Exclusive | None = None) -> str | None:
    """Return a field for a text that may be "", None where it is not given."""
    return _argument((name,), None, exclusive, metavar=metavar, help=help)


def strings(name: str, metavar: str, help: str) -> tuple[str, ...]:
    """Return a field for an option that may be repeated."""
    return _argument((name,), (), action="append", metavar=metavar, help=help)


def choice(name: str, help: str, *, choices: Sequence[str], default: str) -> str:
    """Return a field for one of a few words."""
    return _argument((name,), default, choices=tuple(choices), help=help)


def integer(name: str, metavar: str, help: str, *, default: int) -> int:
    """Return a field for a whole number."""
    return _argument((name,), default, type=int, metavar=metavar, help=help)


def integer_or_none(name: str, metavar: str, help: str) -> int | None:
    """Return a field for a whole number, None where it is not given."""
    return _argument((name,), None, type=int, metavar=metavar, help=help)


def number(name: str, metavar: str, help: str, *, default: float) -> float:
    """Return a field for a number."""
    return _argument((name,), default, type=float, metavar=metavar, help=help)


def number_or_none(name: str, metavar: str, help: str, *, exclusive: Exclusive | None = None) -> float | None:
    """Return a field for a number, None where it is not given."""
    return _argument((name,), None, exclusive, type=float, metavar=metavar, help=help)


def _argument(flags: tuple[str, ...], default: Value, exclusive: Exclusive | None = None, **settings: Any) -> Value:
    return field(default=default, metadata={_KEY: Argument(flags, settings, exclusive)})


def declare(parser: argparse.ArgumentParser, options: type) -> None:
    """Add an argument for each field: positional ones in their order, a command's own options before shared ones."""
    groups: dict[Exclusive, Callable[..., argparse.Action]] = {}
    for one in _in_order(options):
        argument: Argument = one.metadata[_KEY]
        add: Callable[..., argparse.Action] = parser.add_argument
        if (group := argument.exclusive) is not None:
            if group not in groups:
                groups[group] = parser.add_mutually_exclusive_group(required=group.required).add_argument
            add = groups[group]
        default = list(one.default) if isinstance(one.default, tuple) else one.default  # argparse appends to a list
        settings = {"default": default, **argument.settings}
        if argument.flags:
            add(*argument.flags, dest=one.name, **settings)
        else:
            add(one.name, **settings)


def made(options: type[Made], namespace: argparse.Namespace, **more: Any) -> Made:
    """Return the options that a parser has read; ``more``: fields that no single argument stands for."""
    values = {one.name: getattr(namespace, one.name) for one in _arguments(options)}
    plain = {name: tuple(value) if isinstance(value, list) else value for name, value in values.items()}
    return options(**plain, **more)


def _arguments(options: type) -> list[Field[Any]]:
    found: Iterable[Field[Any]] = fields(options)
    return [one for one in found if _KEY in one.metadata]


def _in_order(options: type) -> list[Field[Any]]:
    declared_by = {name: depth for depth, base in enumerate(options.__mro__) for name in _fields_of(base)}
    return sorted(_arguments(options), key=lambda one: declared_by[one.name] if one.metadata[_KEY].flags else -1)


def _fields_of(base: type) -> Iterable[str]:
    found: dict[str, Field[Any]] = base.__dict__.get("__dataclass_fields__", {})
    return found
