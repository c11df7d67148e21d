"""A profile as plain values: for the TOML file (without the password) and for a child's standard input (with it)."""

from __future__ import annotations

import json
from dataclasses import MISSING, asdict, fields, replace
from enum import StrEnum
from typing import Any, Final

from deskq.errors import UserError
from deskq.profiles.profile import Environment, Profile, RedisOptions, Safety, Secret, Tls

NESTED: Final[dict[str, type[Any]]] = {"tls": Tls, "redis": RedisOptions}
ENUMS: Final[dict[str, type[StrEnum]]] = {"environment": Environment, "safety": Safety}


def to_values(profile: Profile) -> dict[str, Any]:
    """Return what differs from the defaults, without the password, as TOML and JSON can hold it."""
    values: dict[str, Any] = {}
    for spec in fields(Profile):
        value = getattr(profile, spec.name)
        if spec.name == "password":
            continue
        if spec.name in NESTED:
            inner = {
                key: _plain(item) for key, item in asdict(value).items() if item != getattr(NESTED[spec.name](), key)
            }
            if inner:
                values[spec.name] = inner
        elif spec.default is MISSING or value != spec.default:
            values[spec.name] = _plain(value)
    return values


def from_values(values: dict[str, Any]) -> Profile:
    """Return the profile of such values, unknown keys aside; raises UserError that names what is wrong."""
    known: dict[str, Any] = {}
    for spec in fields(Profile):
        if spec.name in values and spec.name != "password":
            known[spec.name] = _typed(spec.name, values[spec.name])
    for name in ("name", "url"):
        if not isinstance(known.get(name), str) or not known[name]:
            raise UserError(f"A profile needs “{name}”.")
    checked = Profile.from_url(known["url"])
    if checked.password:
        raise UserError(
            f"The URL of “{known['name']}” holds a password: take it out and run deskq profiles set-password."
        )
    return replace(Profile(**known), url=checked.url)


def profile_to_json(profile: Profile) -> str:
    """Return one line that holds everything, the password too: for the pipe to a child, nothing else."""
    return json.dumps({**to_values(profile), "password": profile.password.reveal()})


def profile_from_json(text: str) -> Profile:
    """Reverse :func:`profile_to_json`; raises UserError."""
    try:
        values = json.loads(text)
    except ValueError:
        raise UserError("The profile on standard input is not JSON.") from None
    if not isinstance(values, dict):
        raise UserError("The profile on standard input is not an object.")
    return replace(from_values(values), password=Secret(str(values.get("password", ""))))


def _typed(name: str, value: Any) -> Any:
    if name in NESTED:
        kind = NESTED[name]
        if not isinstance(value, dict):
            raise UserError(f"“{name}” is a table.")
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
            raise UserError(f"“{name}” is {value!r}; it can be {choices}.") from None
    default = next(spec.default for spec in fields(Profile) if spec.name == name)
    return _checked(name, value, "" if default is MISSING else default)


def _checked(name: str, value: Any, default: Any) -> Any:
    if isinstance(default, tuple):
        if not isinstance(value, list | tuple):
            raise UserError(f"“{name}” is a list.")
        return tuple(value)
    if isinstance(default, bool):
        fits = isinstance(value, bool)
    elif isinstance(default, int | float):
        fits = isinstance(value, int | float) and not isinstance(value, bool)
    else:
        fits = isinstance(value, str) or (default is None and value is None)
    if not fits:
        raise UserError(f"“{name}” is {value!r}, which is not of its kind.")
    return value


def _plain(value: Any) -> Any:
    if isinstance(value, StrEnum):
        return value.value
    return list(value) if isinstance(value, tuple) else value


def overridden(profile: Profile, given: dict[str, Any]) -> Profile:
    """Return the profile with other values for some fields, parts given as tables; raises UserError."""
    changes: dict[str, Any] = {}
    for name, value in given.items():
        if name in NESTED:
            changes[name] = _typed(name, {**asdict(getattr(profile, name)), **value})
        else:
            changes[name] = _typed(name, value)
    return replace(profile, **changes)
