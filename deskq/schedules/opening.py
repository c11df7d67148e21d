"""Which schedule stores a profile has, and how a store's URL becomes the store."""

from __future__ import annotations

from dataclasses import replace
from typing import Final
from urllib.parse import parse_qsl, unquote, urlencode

from deskq.errors import UserError
from deskq.profiles import Profile
from deskq.profiles.urls import (
    AMQP_SCHEMES,
    REDBEAT_CLUSTER,
    REDBEAT_SENTINELS,
    REDIS_SCHEMES,
    alternative_urls,
    join_password,
    server_of,
    shown,
    split_password,
    without_password,
)
from deskq.schedules.model import ScheduleStore, StoreError, StoreKind

_OURS: Final = ("prefix", "zone", "master", "cluster")
_FORMS: Final = (
    "Write it like redbeat:redis://host:6379/0, django-celery-beat:postgresql://user@host/name, code:proj.app or "
    "celerybeat-schedule:/path."
)


def store_urls(profile: Profile) -> tuple[str, ...]:
    """Return the URLs of a profile's stores with their passwords: for opening them, for nothing else.

    redbeat on the broker itself where that is Redis or Valkey and the profile names no other place of redbeat, then
    the profile's own schedule stores, each once. An app has one redbeat: what a profile says of its prefix, zone or
    server is said of that one, and nothing must be added where no beat looks.
    """
    named = profile.schedule_store_urls()
    elsewhere = any(_is_redbeat(url) for url in named)
    own = (
        [f"{StoreKind.REDBEAT}:{profile.connection_url()}"] if profile.transport.holds_redbeat and not elsewhere else []
    )
    return tuple(dict.fromkeys([*own, *named]))


def _is_redbeat(url: str) -> bool:
    try:
        return kind_of(url) is StoreKind.REDBEAT
    except StoreError:
        return False


def kind_of(url: str) -> StoreKind:
    """Return which kind of store a URL means; raises StoreError if it means none."""
    kind, colon, rest = url.partition(":")
    if colon and kind in {each.value for each in StoreKind} and rest:
        return StoreKind(kind)
    scheme, found, _ = url.partition("://")
    if not found or not scheme or scheme.lower() in AMQP_SCHEMES:
        raise StoreError(f"“{shown(url)}” is not a schedule store. {_FORMS}")
    redbeat = scheme.lower() in REDIS_SCHEMES | {REDBEAT_SENTINELS, REDBEAT_CLUSTER}
    return StoreKind.REDBEAT if redbeat else StoreKind.DJANGO


def open_store(url: str, profile: Profile | None = None) -> ScheduleStore:
    """Return the store that a URL means, not yet connected; raises StoreError.

    ``redbeat:redis://…`` or a URL of Redis (``?prefix=redbeat:``, ``?zone=Europe/Berlin``); of sentinels
    ``redis-sentinel://host:26379;host:26379/0?master=`` or as kombu writes it; of a cluster
    ``redis-cluster://host:7000;host:7001``, or any URL of Redis with ``?cluster=true``; ``django-celery-beat:`` and a
    URL of SQLAlchemy, also ``db+postgresql://…`` (``?deskq_zone=``); ``code:proj.app`` (``?path=/src``, ``?python=``);
    ``celerybeat-schedule:/path``. ``profile``: whose TLS, sentinels and password hold where the store is on its broker.
    """
    kind = kind_of(url)
    rest = url.removeprefix(f"{kind}:")
    if kind is StoreKind.REDBEAT:
        return _redbeat(rest, profile)
    if kind is StoreKind.DJANGO:
        from deskq.schedules.stores.django.store import DjangoBeatStore

        return DjangoBeatStore(rest.removeprefix("db+"))
    if kind is StoreKind.CODE:
        from deskq.schedules.stores.code.store import CodeStore

        app, _, query = rest.partition("?")
        given = dict(parse_qsl(query))
        named_by = url if profile is not None else ""
        return CodeStore(app, path=given.get("path", ""), python=given.get("python", ""), of_profile=named_by)
    from deskq.schedules.stores.beat_file.store import BeatFileStore

    return BeatFileStore(unquote(rest.removeprefix("//")))


def server_of_redbeat(url: str, profile: Profile | None) -> Profile:
    """Return how to reach the Redis that a store of redbeat is in; raises StoreError. See ``open_store``."""
    return _server_of_redbeat(url.removeprefix(f"{StoreKind.REDBEAT}:"), profile)[0]


def _server_of_redbeat(url: str, profile: Profile | None) -> tuple[Profile, dict[str, str]]:
    """The same, and what the URL says of redbeat itself."""
    bare, given = _without_ours(_as_kombu(url))
    try:
        made = Profile.from_url(bare)
    except UserError as error:
        raise StoreError(str(error)) from None
    if not made.transport.holds_redbeat:
        raise StoreError(f"redbeat keeps its schedules in Redis or Valkey, and {shown(url)} is neither. {_FORMS}")
    if profile is not None and server_of(without_password(bare)) == server_of(profile.url):
        made = replace(profile, url=made.url, password=made.password or profile.password)
    if "master" in given:
        made = replace(made, redis=replace(made.redis, sentinel_master=given["master"]))
    return made, given


def _redbeat(url: str, profile: Profile | None) -> ScheduleStore:
    from deskq.schedules.stores.redbeat.store import RedBeatStore

    made, given = _server_of_redbeat(url, profile)
    query = urlencode(given, safe="/:{}")
    named = f"{StoreKind.REDBEAT}:{made.url}"
    if query:
        named += ("&" if "?" in made.url else "?") + query
    return RedBeatStore(
        made,
        url=named,
        prefix=given.get("prefix", "redbeat:"),
        zone=given.get("zone", ""),
        cluster=given.get("cluster", "").lower() in ("true", "1"),
    )


def _as_kombu(url: str) -> str:
    """The URL as profiles take it: sentinels as kombu names them, the nodes of a cluster as a list of servers."""
    scheme, _, rest = url.partition("://")
    if scheme.lower() == REDBEAT_SENTINELS:
        named = "master" in dict(parse_qsl(rest.partition("?")[2]))
        default = "" if named else f"{'&' if '?' in rest else '?'}master=master"  # redbeat's own
        return f"sentinel://{rest}{default}"
    if scheme.lower() != REDBEAT_CLUSTER:
        return url
    bare, password = split_password(url)
    head, _, query = bare.partition("://")[2].partition("?")
    places = [place.rpartition("://")[2].strip("/") for place in head.split(";")]
    if not all(places):
        raise StoreError("Name a node of the cluster, like redbeat:redis-cluster://host:7000.")
    user, at, _ = places[0].rpartition("@")
    urls = [f"redis://{place if '@' in place else user + at + place}" for place in places]
    joined = ";".join(join_password(one, password) for one in urls)
    return f"{joined}?{f'{query}&' if query else ''}cluster=true"


def _without_ours(url: str) -> tuple[str, dict[str, str]]:
    """The URL without the parts of its query that are about redbeat, and these."""
    bare, password = split_password(url)
    *others, last = alternative_urls(bare)
    head, _, query = last.partition("?")
    pairs = parse_qsl(query, keep_blank_values=True)
    ours = {key: value for key, value in pairs if key in _OURS}
    if not ours:
        return url, {}
    left = urlencode([(key, value) for key, value in pairs if key not in _OURS], safe="/")
    return join_password(";".join([*others, f"{head}?{left}" if left else head]), password), ours
