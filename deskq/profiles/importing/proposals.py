"""Profiles from what people have already: the environment, a Celery app, a Django project's settings."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from deskq.errors import UserError
from deskq.profiles.fields import BY_PLACE, SAFETY_ORDER, SAFETY_WORDS, TLS_OFF, is_less_safe
from deskq.profiles.importing.fates import Fate, Fates, Setting
from deskq.profiles.importing.reader_process import interpreter, read_settings
from deskq.profiles.importing.settings import broker_is_set, profile_of
from deskq.profiles.importing.stores import Source
from deskq.profiles.profile import Profile, Safety
from deskq.profiles.storage.confirmed_code import confirm, runs_code
from deskq.profiles.storage.profile_store import SavedProfiles, free_name

BROKER_VARIABLES: Final = (
    "CELERY_BROKER_URL",
    "CELERY_BROKER",
    "BROKER_URL",
    "CLOUDAMQP_URL",
    "RABBITMQ_URL",
    "RABBITMQ_BIGWIG_URL",
    "AMQP_URL",
    "REDIS_URL",
    "REDIS_TLS_URL",
    "REDISCLOUD_URL",
    "VALKEY_URL",
)
BACKEND_VARIABLES: Final = ("CELERY_RESULT_BACKEND", "CELERY_RESULT_BACKEND_URL", "RESULT_BACKEND")
TIMEOUT: Final = 15.0


@dataclass(frozen=True, slots=True)
class Proposal:
    """A profile that could be saved. ``sources``: field -> where its value came from; ``notes``: sentences.

    ``settings``: what became of each setting of a project. ``here``: a person named the project, and its code ran
    already on this machine to read it.
    """

    profile: Profile
    sources: tuple[tuple[str, str], ...]
    notes: tuple[str, ...] = ()
    settings: tuple[Setting, ...] = ()
    here: bool = False

    def fate(self, saved: Profile | None) -> str:
        """Say in a few words what saving it would do, where ``saved`` is the profile of its name, if there is one."""
        if saved is None:
            return "new"
        if is_less_safe(saved, self.profile):
            return f"overwrites the saved profile, and is less safe: {self.profile.safety} instead of {saved.safety}"
        return "overwrites the saved profile"

    def lines(self, saved: Profile | None = None) -> list[str]:
        """Return what a person is told before it is saved, where it would overwrite ``saved``."""
        told = [f"{name}: {words}" for name, words in leads_to(self.profile, saved)]
        told += [f"{_title(field)} from {where}" for field, where in self.sources]
        idle = [one.name for one in self.settings if one.fate is Fate.NOT_NEEDED and not one.words]
        told += [str(one) for one in self.settings if one.name not in idle]
        told += [f"{Fate.NOT_NEEDED.capitalize()}: {', '.join(idle)}"] if idle else []
        return [*told, *self.notes]


def _title(field: str) -> str:
    return BY_PLACE[field].name if field in BY_PLACE else field


def save_all(saved: SavedProfiles, proposals: Sequence[Proposal]) -> list[Profile]:
    """Save the profiles, and confirm the code that these imports ran already; returns all profiles as they are now.

    Blocking; raises UserError.
    """
    profiles = saved.add_all(proposal.profile for proposal in proposals)
    for proposal in proposals:
        if proposal.here:
            confirm(proposal.profile.schedule_stores)
    return profiles


def leads_to(profile: Profile, saved: Profile | None = None) -> list[tuple[str, str]]:
    """Return what of a profile leads somewhere, runs something or lowers something: the field's name, and words.

    ``saved``: the profile that it would overwrite.
    """
    told = [(place, str(getattr(profile, place) or "")) for place in ("management_url", "result_backend", "history")]
    found = [(BY_PLACE[place].name, text) for place, text in told if text]
    if profile.management_url and not profile.management_login()[0]:
        found.append((BY_PLACE["management_url"].name, "▲ it gets the broker's login"))
    title = BY_PLACE["schedule_stores"].name
    found += [(title, f"▲ runs code: {store}" if runs_code(store) else store) for store in profile.schedule_stores]
    files = [(BY_PLACE[f"tls.{place}"].name, getattr(profile.tls, place)) for place in ("ca", "certificate", "key")]
    found += [(name, path) for name, path in files if path]
    if not profile.tls.verify:
        found.append((BY_PLACE["tls.verify"].name, f"▲ no. {TLS_OFF}"))
    level = saved.safety if saved is not None else Safety.ASK
    if SAFETY_ORDER.index(profile.safety) > SAFETY_ORDER.index(level):
        found.append((BY_PLACE["safety"].name, f"▲ {SAFETY_WORDS[profile.safety]}"))
    return found


def from_environment(env: Mapping[str, str]) -> list[Proposal]:
    """Return a proposal for each broker that the environment's variables name, Celery's own variables first."""
    backend = next(((name, env[name]) for name in BACKEND_VARIABLES if "://" in env.get(name, "")), None)
    found: dict[str, Proposal] = {}
    for variable in BROKER_VARIABLES:
        try:
            profile = Profile.from_url(env.get(variable, ""))
        except UserError:
            continue
        if profile.connection_url() in found:
            continue
        sources = [("url", variable)]
        if backend is not None:
            profile = replace(profile, result_backend=backend[1])
            sources.append(("result_backend", backend[0]))
        name = free_name(profile.name, [proposal.profile.name for proposal in found.values()])
        found[profile.connection_url()] = Proposal(replace(profile, name=name), tuple(sources))
    return list(found.values())


def from_app(
    app: str,
    *,
    folder: Path,
    python: Path | None = None,
    timeout: float = TIMEOUT,
    cancelled: Callable[[], bool] = lambda: False,
) -> Proposal:
    """Return what ``celery -A app`` would use in this folder. Blocking, in a process of its own; raises UserError."""
    settings = read_settings(["-A", app], what=app, folder=folder, python=python, timeout=timeout, cancelled=cancelled)
    source = Source(folder.absolute(), app, _own_python(folder, python))
    return _proposal(settings, source, name=app.partition(":")[0].removesuffix(".celery"), where=f"{app} in {folder}")


def from_django(
    settings_module: str,
    *,
    folder: Path,
    python: Path | None = None,
    timeout: float = TIMEOUT,
    cancelled: Callable[[], bool] = lambda: False,
) -> Proposal:
    """Return what the CELERY_… settings of a Django project say; otherwise like :func:`from_app`."""
    settings = read_settings(
        ["--django", settings_module],
        what=settings_module,
        folder=folder,
        python=python,
        timeout=timeout,
        cancelled=cancelled,
    )
    where = f"{settings_module} in {folder}"
    return _proposal(settings, Source(folder.absolute()), name=settings_module.partition(".")[0], where=where)


def _own_python(folder: Path, python: Path | None) -> str:
    """The Python by which a store is to read the app again: one that will not be found by looking in the folder."""
    found = interpreter(folder, python)
    active = os.environ.get("VIRTUAL_ENV")  # of this shell, and perhaps not of the one that starts the window
    return found if python is not None or (active and Path(found).is_relative_to(active)) else ""


def _proposal(settings: dict[str, Any], source: Source, *, name: str, where: str) -> Proposal:
    fates, notes = Fates(), list[str]()
    profile = profile_of(settings, source, name, fates, notes)
    sources = (("url", where if broker_is_set(settings) else "Celery's default"),)
    return Proposal(profile, sources, tuple(notes), fates.of_project(settings.get("given", [])), here=True)
