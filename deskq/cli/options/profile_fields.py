"""The fields of a profile as options: they override a saved profile and complete a URL."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, Final

from deskq.errors import UserError
from deskq.profiles.field_text import from_text
from deskq.profiles.fields import FIELDS, Field

OPTIONS: Final = tuple(field for field in FIELDS if field.flag)


def add_profile_options(parser: argparse.ArgumentParser, aliases: Mapping[str, str] = MappingProxyType({})) -> None:
    """Add an option for each field of a profile; a switch has one that turns it off, too.

    ``aliases``: further flags by the field's place.
    """
    group = parser.add_argument_group("profile", "how to reach the broker, where a URL stands for a profile")
    for field in OPTIONS:
        given: dict[str, Any] = {"dest": _dest(field), "default": None, "help": _help(field)}
        if field.kind == "switch":
            given["action"] = argparse.BooleanOptionalAction
        elif field.words is not None:
            given["choices"] = tuple(word.value for word in field.words)
        else:
            given |= {"metavar": field.metavar, "type": _reader(field)}
            if field.repeated:
                given["action"] = "append"
        group.add_argument(field.flag, *filter(None, [aliases.get(field.place)]), **given)


def given_fields(options: argparse.Namespace) -> dict[str, Any]:
    """Return the fields of a profile that were given as options, parts as tables."""
    fields: dict[str, Any] = {}
    for field in OPTIONS:
        value = getattr(options, _dest(field), None)
        if value is None:
            continue
        if field.repeated:
            value = tuple(dict.fromkeys(item for items in value for item in items))
        outer, dot, inner = field.place.partition(".")
        if dot:
            fields.setdefault(outer, {})[inner] = _Nothing.out_of(value)
        else:
            fields[outer] = _Nothing.out_of(value)
    return fields


class _Nothing:
    """What an empty text means to a field that may be None; argparse takes a None for absent."""

    @classmethod
    def out_of(cls, value: object) -> object:
        return None if isinstance(value, cls) else value


def _dest(field: Field) -> str:
    return f"profile.{field.place}"


def _help(field: Field) -> str:
    kind = {"redis": "Redis: ", "sentinel": "Redis: ", "amqp": "RabbitMQ: "}.get(field.fits, "")
    tip = field.tip if field.tip.startswith("Celery") else field.tip[:1].lower() + field.tip[1:]
    if field.kind == "switch" and not kind:
        tip = f"{field.name[:1].lower()}{field.name[1:]}; {tip}"
    return f"{kind}{tip}{' (repeatable)' if field.repeated else ''}".replace("%", "%%")


def _reader(field: Field) -> Callable[[str], Any]:
    def read(text: str) -> Any:
        try:
            value = from_text(field, text)
        except UserError as error:
            raise argparse.ArgumentTypeError(str(error)) from None
        return _Nothing() if value is None else value

    return read
