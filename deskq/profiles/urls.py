"""URLs as text: passwords taken out and put in, TLS options of a query, and what of a wrong one may be shown."""

from __future__ import annotations

import re
from typing import Any, Final
from urllib.parse import parse_qsl, quote, unquote

from deskq.errors import UserError

REDIS_SCHEMES: Final = frozenset(
    {"redis", "rediss", "valkey", "valkeys", "sentinel", "redis+socket", "unix", "redis+sentinel"}
)
SOCKET_SCHEMES: Final = frozenset({"redis+socket", "unix"})
"""Of them those whose path is a socket of this machine."""
AMQP_SCHEMES: Final = frozenset({"amqp", "amqps", "pyamqp", "librabbitmq"})
OTHER_SCHEMES: Final = frozenset(
    {
        *("memory", "filesystem", "sqla", "sqlalchemy", "sqs", "mongodb", "zookeeper", "consul", "etcd"),
        *("azureservicebus", "azurestoragequeues", "pyro", "slmq", "qpid", "confluentkafka", "kafka", "gcpubsub"),
        *("sqlite", "db+sqlite"),
    }
)
TLS_SCHEMES: Final = frozenset({"rediss", "valkeys", "amqps"})
SENTINEL_SCHEMES: Final = frozenset({"sentinel", "redis+sentinel"})
REDBEAT_SENTINELS: Final = "redis-sentinel"
REDBEAT_CLUSTER: Final = "redis-cluster"
"""redbeat's own spellings, beside those of kombu."""
_SEVERAL: Final = re.compile(r";(?=[A-Za-z][\w+.-]*://)")
PASSWORD_SEPARATOR: Final = "\x1f"
"""Between the passwords of several URLs where they differ: no password that somebody types holds it."""
_STORES_WITHOUT_URL: Final = frozenset({"code", "celerybeat-schedule"})
_LOGIN: Final = re.compile(r"((?:redbeat:|django-celery-beat:)?[A-Za-z][\w+.-]*://)([^/?#;]*)(.*)", re.DOTALL)
_WELL_FORMED: Final = re.compile(
    r"(?:redbeat:|django-celery-beat:)?[A-Za-z][\w+.-]*://(?:[^\s@:/;\[\]]*@)?(?:\[[0-9A-Fa-f:.]+\]|[^\s@:/;?#\[\]]*)(?::\d*)?(?:[/?#;][^@]*)?"
)
_PLACES: Final = frozenset({"host", "hostaddr", "port", "service", "unix_socket", "read_default_file"})
_PASSWORD_KEYS: Final = frozenset({"password", "passwd"})
_UNCLEAR: Final = (
    "It is unclear where the password in this URL ends. In the password write %40 for @, %2F for /, %23 for # and "
    "%3F for ?; in other parts write %40 for @. Or leave the password out and enter it separately."
)
_NO_PORT: Final = (
    "No server has such a URL: check its host and port. If a password stands behind the colon, its host is missing: "
    "write SCHEME://user:password@host:port."
)
_HOST_AND_NO_PORT: Final = re.compile(r"[^\[\]:]*:(?![0-9]*$)[^\[\]:]+")
_TLS_KEYS: Final = {"ssl_ca_certs": "ca", "ssl_certfile": "certificate", "ssl_keyfile": "key"}


def alternative_urls(url: str) -> list[str]:
    """Return the URLs of a list as kombu takes it for failover, ``amqp://a;amqp://b``; of one URL itself."""
    return _SEVERAL.split(url)


def known_scheme(url: str) -> tuple[str, str]:
    """Return the scheme, in small letters, and what follows it; raises UserError if deskq knows no such scheme."""
    scheme, found, rest = url.partition("://")
    scheme = scheme.lower()
    if not found or not scheme:
        raise UserError(f"“{shown(url)}” is not a broker URL. Write it like redis://host:6379/0.")
    known = REDIS_SCHEMES | AMQP_SCHEMES | OTHER_SCHEMES
    if scheme.partition("+")[0] not in known and scheme not in known:
        names = "redis, rediss, valkey, sentinel, amqp or amqps"
        said = f"the scheme “{scheme}”" if re.fullmatch(r"[a-z][a-z0-9+.-]{0,30}", scheme) else "this scheme"
        raise UserError(f"deskq does not support {said}. Use {names}, or another Celery transport.")
    return scheme, rest


def passwords_of(password: str, number: int) -> list[str]:
    """Return the password of each of so many URLs, from the one text that is kept for them."""
    each = password.split(PASSWORD_SEPARATOR)
    return each if len(each) == number else [password.partition(PASSWORD_SEPARATOR)[0]] * number


def _has_host(url: str) -> bool:
    scheme = url.partition("://")[0].lower().rpartition(":")[2]
    return scheme in (REDIS_SCHEMES - SOCKET_SCHEMES) | AMQP_SCHEMES


def _of_sentinels(url: str) -> bool:
    return url.partition("://")[0].lower() in SENTINEL_SCHEMES


def split_password(url: str) -> tuple[str, str]:
    """Return the URL without its password, and the password, unquoted; of several URLs (``a;b``) see below.

    Of sentinels it is the first password that there is, else one for all where all are the same; otherwise
    the password of each, with ``PASSWORD_SEPARATOR`` between them.

    A password is what stands before the last @ of what precedes the query, even if it holds characters that should
    have been quoted; also ``?password=``, as redis-py reads it.
    """
    several = alternative_urls(url)
    if len(several) > 1:
        parts = [split_password(part) for part in several]
        passwords = [password for _, password in parts]
        bare = ";".join(part for part, _ in parts)
        if _of_sentinels(url):
            return bare, next(filter(None, passwords), "")
        return bare, passwords[0] if len(set(passwords)) == 1 else PASSWORD_SEPARATOR.join(passwords)
    scheme, found, rest = url.partition("://")
    if not found:
        return url, ""
    rest, asked = _without_query_password(rest)
    head = rest.partition("?")[0]
    at = (head if "@" in head else rest).rfind("@")
    if at < 0 or rest.startswith("/"):
        return f"{scheme}://{rest}", asked
    login, place = rest[:at], rest[at + 1 :]
    user, colon, password = login.partition(":")
    if not colon:
        return f"{scheme}://{rest}", asked
    return f"{scheme}://{user}@{place}" if user else f"{scheme}://{place}", unquote(password) or asked


def unclear_password(url: str) -> str:
    """Return why nobody can say where the password of a URL ends, "" where that is clear.

    A login ends at the last @ before the first of ``/ ? #``, as Celery reads it. Another @ behind these may end a
    password that should have been quoted: what would be taken for the host, and be saved, could be a part of it.
    """
    for part in _SEVERAL.split(url):
        _, found, rest = part.partition("://")
        rest = _without_query_password(rest)[0]
        if not found:
            continue
        if rest.startswith("/"):  # a path is no login, but these have hosts
            if _has_host(part) and ":" in rest.partition("@")[0] and "@" in rest:
                return _UNCLEAR
            continue
        end = re.search(r"[/?#]", rest)
        netloc, behind = (rest[: end.start()], rest[end.start() :]) if end else (rest, "")
        login = netloc.rpartition("@")[0] if "@" in netloc else netloc
        if "@" in behind and ":" in login:
            return _UNCLEAR
    return ""


def password_as_port(url: str) -> str:
    """Return a sentence where a password may stand in the place of a port, and would be saved there; "" if none does.

    Several hosts may stand in one URL, as those of MongoDB, memcached and PostgreSQL do.
    """
    for part in alternative_urls(url):
        rest = part.partition("://")[2]
        place = re.split(r"[/?#]", rest, maxsplit=1)[0].rpartition("@")[2]
        if any(map(_HOST_AND_NO_PORT.fullmatch, re.split("[,;]", place))):
            return _NO_PORT
    return ""


def join_password(url: str, password: str) -> str:
    """Return the URL with a password in it, quoted; the reverse of :func:`split_password` for several URLs."""
    several = alternative_urls(url)
    if len(several) > 1 and not _of_sentinels(url):
        return ";".join(map(join_password, several, passwords_of(password, len(several))))
    fits = _LOGIN.fullmatch(url)
    if not password or fits is None:
        return url
    scheme, login, rest = fits.groups()
    user, _, place = login.rpartition("@")
    return f"{scheme}{user}:{quote(password, safe='')}@{place}{rest}"


def server_of(url: str) -> str:
    """Return what of a URL says who gets its password: scheme, user, host and port; of several URLs, of each.

    A database's URL may name its host in the query (``?host=/var/run/postgresql``).
    """
    several = alternative_urls(url)
    if len(several) > 1:
        return ";".join(map(server_of, several))
    fits = _LOGIN.fullmatch(url)
    if fits is None:
        return ""
    asked = fits[3].partition("?")[2].split("&")
    places = sorted(part for part in asked if part.partition("=")[0].lower() in _PLACES)
    return f"{fits[1].lower()}{fits[2]}" + (f"?{'&'.join(places)}" if places else "")


def is_store_url(url: str) -> bool:
    """Can this be a schedule store: a URL, or ``code:proj.app``, or ``celerybeat-schedule:/path``?"""
    kind, colon, rest = url.partition(":")
    return "://" in url or (bool(colon and rest) and kind in _STORES_WITHOUT_URL)


def without_password(url: str) -> str:
    """Return the URL as it may be shown."""
    return split_password(url)[0]


def shown(text: str) -> str:
    """Return of a text that should be a URL what may be shown: dots wherever a password could still be in it."""
    bare = without_password(text)
    if _WELL_FORMED.fullmatch(bare) or not re.search(r"[@:]", bare):
        return bare
    scheme, found, _ = bare.partition("://")
    return f"{scheme}://…" if found and re.fullmatch(r"[A-Za-z][\w+.-]{0,30}", scheme) else "…"


def take_tls_query(url: str) -> tuple[str, dict[str, Any]]:
    """Return a TLS URL without ``?ssl_…``, which Celery's users write there, and the same as fields of ``Tls``."""
    bare, mark, query = url.partition("?")
    if not mark or url.partition("://")[0].lower() not in TLS_SCHEMES:
        return url, {}
    fields: dict[str, Any] = {}
    left = []
    for part in query.split("&"):
        for key, value in parse_qsl(part):
            if key in _TLS_KEYS:
                fields[_TLS_KEYS[key]] = value
            elif key == "ssl_cert_reqs":
                # To a client, "optional" is "required": ssl's documentation, CERT_OPTIONAL.
                fields["verify"] = value.lower().removeprefix("cert_") != "none"
            else:
                left.append(part)
    return (f"{bare}?{'&'.join(left)}" if left else bare), fields


def _without_query_password(rest: str) -> tuple[str, str]:
    head, mark, query = rest.partition("?")
    if not mark:
        return rest, ""
    password, left = "", []
    for part in query.split("&"):
        key, equals, value = part.partition("=")
        if equals and key.lower() in _PASSWORD_KEYS:
            password = password or unquote(value)
        else:
            left.append(part)
    if len(left) == len(query.split("&")):
        return rest, ""
    return (f"{head}?{'&'.join(left)}" if left else head), password
