"""Options as fields of a class: each field says what argparse needs, and its type is what mypy knows of it.

The functions below return what a field will hold once the command line is read, so that an annotation which does not
agree with its option is an error of types. ``declare`` makes a parser of a class, ``made`` an object of what was read.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from typing import Any, Final, NamedTuple, Self, TypeVar, cast, dataclass_transform

Made = TypeVar("Made", bound="Options")
Value = TypeVar("Value")
_MOST: Final = 2**53
"""Some are added to, and then given to SQLite."""


class Exclusive(NamedTuple):
    """A group of options of which one at most may be given. ``required``: one must be."""

    name: str
    required: bool = False


class Argument(NamedTuple):
    """One argument: ``flags`` as argparse wants them, none for a positional one, and the rest of its settings.

    Without settings it is not read from the command line.
    """

    default: Any
    flags: tuple[str, ...] = ()
    settings: dict[str, Any] | None = None
    exclusive: Exclusive | None = None


@dataclass_transform(kw_only_default=True, frozen_default=True, eq_default=False)
class Options:
    """What options are made from: dataclasses for whoever checks types.

    At run time no methods are generated for them, which would take as long as a tenth of a command's start.
    """

    def __init__(self, **given: Any) -> None:
        vars(self).update({name: one.default for name, one in _fields(type(self)).items()}, **given)

    def changed(self, **changes: Any) -> Self:
        """Return the same with other values for some fields."""
        return type(self)(**{**vars(self), **changes})


def unparsed(default: Value) -> Value:
    """Return a field that is not read from the command line."""
    return cast("Value", Argument(default))


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
    return _argument((name,), default, type=whole_number, metavar=metavar, help=help)


def integer_or_none(name: str, metavar: str, help: str) -> int | None:
    """Return a field for a whole number, None where it is not given."""
    return _argument((name,), None, type=whole_number, metavar=metavar, help=help)


def number(name: str, metavar: str, help: str, *, default: float) -> float:
    """Return a field for a number."""
    return _argument((name,), default, type=float, metavar=metavar, help=help)


def number_or_none(name: str, metavar: str, help: str, *, exclusive: Exclusive | None = None) -> float | None:
    """Return a field for a number, None where it is not given."""
    return _argument((name,), None, exclusive, type=float, metavar=metavar, help=help)


def whole_number(text: str) -> int:
    """Return what was typed, of a size that can be reckoned with everywhere; argparse says what is wrong."""
    try:
        number = int(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"invalid int value: {text!r}") from None
    if abs(number) > _MOST:
        raise argparse.ArgumentTypeError(f"too large a number: {text}")
    return number


def _argument(flags: tuple[str, ...], default: Value, exclusive: Exclusive | None = None, **settings: Any) -> Value:
    return cast("Value", Argument(default, flags, settings, exclusive))


def declare(parser: argparse.ArgumentParser, options: type[Options]) -> None:
    """Add an argument for each field: positional ones in their order, a command's own options before shared ones."""
    groups: dict[Exclusive, Callable[..., argparse.Action]] = {}
    for name, one in _in_order(options):
        add: Callable[..., argparse.Action] = parser.add_argument
        if (group := one.exclusive) is not None:
            if group not in groups:
                groups[group] = parser.add_mutually_exclusive_group(required=group.required).add_argument
            add = groups[group]
        default = list(one.default) if isinstance(one.default, tuple) else one.default  # argparse appends to a list
        settings = {"default": default, **(one.settings or {})}
        if one.flags:
            add(*one.flags, dest=name, **settings)
        else:
            add(name, **settings)


def made(options: type[Made], namespace: argparse.Namespace, **more: Any) -> Made:
    """Return the options that a parser has read; ``more``: fields that no single argument stands for."""
    values = {name: getattr(namespace, name) for name, _ in _in_order(options)}
    plain = {name: tuple(value) if isinstance(value, list) else value for name, value in values.items()}
    return options(**plain, **more)


def _fields(options: type[Options]) -> dict[str, Argument]:
    """Return the fields, those of the bases first."""
    bases = reversed(options.__mro__)
    return {name: one for base in bases for name, one in vars(base).items() if isinstance(one, Argument)}


def _in_order(options: type[Options]) -> list[tuple[str, Argument]]:
    declared_by = {name: depth for depth, base in enumerate(options.__mro__) for name in vars(base)}
    found = [(name, one) for name, one in _fields(options).items() if one.settings is not None]
    return sorted(found, key=lambda each: declared_by[each[0]] if each[1].flags else -1)
