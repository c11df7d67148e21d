"""A profile as plain values: for the TOML file (without passwords) and for a child's standard input (with them)."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import MISSING, asdict, fields, replace
from enum import StrEnum
from typing import Any, Final

from deskq.errors import UserError
from deskq.profiles.profile import SECRETS, Environment, Profile, RedisOptions, Safety, Secret, Tls
from deskq.profiles.urls import split_password
from deskq.protocol.numbers import is_number

NESTED: Final[dict[str, type[Any]]] = {"tls": Tls, "redis": RedisOptions}
ENUMS: Final[dict[str, type[StrEnum]]] = {"environment": Environment, "safety": Safety}
PLACES: Final[dict[str, tuple[str, str]]] = {
    "retention_days": ("retention", "days"),
    "retention_failed_days": ("retention", "failed_days"),
    "retention_megabytes": ("retention", "megabytes"),
}
"""Fields that stand in a table: field -> (table, key)."""
TABLES: Final[dict[str, frozenset[str]]] = {
    **{name: frozenset(kind.__dataclass_fields__) for name, kind in NESTED.items()},
    "retention": frozenset(key for _, key in PLACES.values()),
}
"""The tables of a profile and their keys."""
KEYS: Final = frozenset(Profile.__dataclass_fields__) - PLACES.keys() - SECRETS - TABLES.keys()
"""The keys of a profile that are no tables."""


def to_values(profile: Profile) -> dict[str, Any]:
    """Return what differs from the defaults, without passwords, as TOML and JSON can hold it."""
    values: dict[str, Any] = {}
    for spec in fields(Profile):
        value = getattr(profile, spec.name)
        if spec.name in SECRETS:
            continue
        if spec.name in NESTED:
            inner = {
                key: _plain(item) for key, item in asdict(value).items() if item != getattr(NESTED[spec.name](), key)
            }
            if inner:
                values[spec.name] = inner
        elif spec.default is MISSING or value != spec.default:
            if spec.name in PLACES:
                table, key = PLACES[spec.name]
                values.setdefault(table, {})[key] = _plain(value)
            else:
                values[spec.name] = _plain(value)
    return values


def from_values(values: dict[str, Any]) -> Profile:
    """Return the profile of such values, unknown keys aside; raises UserError that names what is wrong."""
    known: dict[str, Any] = {}
    for spec in fields(Profile):
        if spec.name in SECRETS:
            continue
        table, key = PLACES.get(spec.name, ("", spec.name))
        place = values.get(table, {}) if table else values
        if not isinstance(place, dict):
            raise UserError(f"“{table}” must be a table.")
        if key in place:
            known[spec.name] = _typed(spec.name, place[key])
    for name in ("name", "url"):
        if not isinstance(known.get(name), str) or not known[name]:
            raise UserError(f"A profile needs “{name}”.")
    urls = [known["url"], known.get("result_backend"), known.get("management_url"), *known.get("schedule_stores", ())]
    if any(split_password(url or "")[1] for url in urls):
        raise UserError(
            f"A URL of “{known['name']}” contains a password. Remove it and run deskq profiles set-password."
        )
    made = Profile.from_url(known["url"])
    return replace(Profile(**{"tls": made.tls, **known}), url=made.url)


def profile_to_json(profile: Profile) -> str:
    """Return one line that holds everything, the passwords too: for the pipe to a child, nothing else."""
    secrets = {place: secret.reveal() for place, secret in profile.secrets().items() if secret}
    return json.dumps({**to_values(profile), "secrets": secrets})


def profile_from_json(text: str) -> Profile:
    """Reverse :func:`profile_to_json`; raises UserError."""
    try:
        values = json.loads(text)
    except ValueError:
        raise UserError("The profile on standard input is not JSON.") from None
    if not isinstance(values, dict):
        raise UserError("The profile on standard input is not an object.")
    secrets = values.get("secrets", {})
    if not isinstance(secrets, dict):
        raise UserError("The passwords on standard input are not an object.")
    profile = from_values(values)
    return profile.with_secrets({place: Secret(str(secrets[place])) for place in profile.secrets() if place in secrets})


def _typed(name: str, value: Any) -> Any:
    if name in NESTED:
        kind = NESTED[name]
        if not isinstance(value, dict):
            raise UserError(f"“{name}” must be a table.")
        defaults = kind()
        return kind(
            **{
                spec.name: _checked(f"{name}.{spec.name}", value[spec.name], getattr(defaults, spec.name))
                for spec in fields(kind)
                if spec.name in value
            }
        )
    if name in ENUMS:
        try:
            return ENUMS[name](value)
        except ValueError:
            choices = ", ".join(ENUMS[name])
            raise UserError(f"“{name}” is {_told(value)}; it must be {choices}.") from None
    default = next(spec.default for spec in fields(Profile) if spec.name == name)
    return _checked(name, value, "" if default is MISSING else default)


def _checked(name: str, value: Any, default: Any) -> Any:
    shown = "".join(f"{part}." for part in PLACES.get(name, (name,)))[:-1]
    if isinstance(default, tuple):
        kind = int if default and isinstance(default[0], int) else str
        if not isinstance(value, list | tuple) or not all(type(item) is kind for item in value):
            raise UserError(f"“{shown}” must be a list of {'whole numbers' if kind is int else 'texts'}.")
        return tuple(value)
    if isinstance(default, bool):
        fits = isinstance(value, bool)
    elif isinstance(default, int | float):
        fits = isinstance(value, int | float) and not isinstance(value, bool)
        if fits and not (is_number(value) and value >= 0):
            raise UserError(f"“{shown}” must be a number, 0 or more.")
    else:
        fits = isinstance(value, str) or (default is None and value is None)
    if not fits:
        raise UserError(f"“{shown}” is {_told(value)}, which has the wrong type.")
    return value


def _told(value: object) -> str:
    """Return a wrong value as it may be shown: a text or a list may hold a password."""
    if isinstance(value, bool | int | float):
        return repr(value)
    if isinstance(value, str):
        return f"“{value}”" if re.fullmatch(r"[\w -]{1,30}", value) else "another text"
    return "a table" if isinstance(value, dict) else "a list" if isinstance(value, list) else "something else"


def _plain(value: Any) -> Any:
    if isinstance(value, StrEnum):
        return value.value
    return list(value) if isinstance(value, tuple) else value


def overridden(profile: Profile, given: Mapping[str, Any]) -> Profile:
    """Return the profile with other values for some fields, parts given as tables; raises UserError."""
    changes: dict[str, Any] = {}
    for name, value in given.items():
        if name in NESTED:
            changes[name] = _typed(name, {**asdict(getattr(profile, name)), **value})
        else:
            changes[name] = _typed(name, value)
    return replace(profile, **changes)
