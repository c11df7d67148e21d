"""The database of a Django project as a URL: with whatever decides which server, and which rows, are meant."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

from deskq.profiles.importing.fates import Fates

_DIALECTS: Final = {"postgresql": "postgresql", "mysql": "mysql", "sqlite": "sqlite"}
_PARTS: Final = ("USER", "PASSWORD", "HOST", "PORT", "NAME")
# Names of parameters of libpq (PostgreSQL 18, section 34.1.2) that a profile can hold.
_LIBPQ_FILES: Final = frozenset({"passfile", "sslrootcert", "sslcert", "sslkey", "sslcrl", "sslcrldir"})
_LIBPQ: Final = _LIBPQ_FILES | frozenset(
    {
        *("options", "service", "hostaddr", "sslmode", "sslcertmode", "sslnegotiation", "sslsni", "gssencmode"),
        *("channel_binding", "require_auth", "krbsrvname", "gsslib", "gssdelegation", "target_session_attrs"),
        *("load_balance_hosts", "min_protocol_version", "max_protocol_version", "ssl_min_protocol_version"),
        *("ssl_max_protocol_version", "sslcompression", "requirepeer", "tcp_user_timeout"),
    }
)
_IN_OPTIONS: Final = {"user": "USER", "dbname": "NAME", "host": "HOST", "port": "PORT", "password": "PASSWORD"}
_MYSQL_FILES: Final = frozenset({"read_default_file"})
# Of MySQL's ssl_mode what PyMySQL calls it: without a CA it verifies nothing, and by itself it takes TLS where it is.
_MYSQL_MODES: Final[dict[str, dict[str, str]]] = {
    "DISABLED": {"ssl_disabled": "true"},
    "PREFERRED": {},
    "REQUIRED": {"ssl_check_hostname": "false"},
    "VERIFY_CA": {"ssl_check_hostname": "false"},
    "VERIFY_IDENTITY": {"ssl_check_hostname": "true"},
}
_MYSQL: Final = _MYSQL_FILES | frozenset({"read_default_group", "unix_socket"})
_IDLE: Final[dict[str, frozenset[str]]] = {
    "postgresql": frozenset(
        {
            *("connect_timeout", "application_name", "fallback_application_name", "client_encoding", "keepalives"),
            *("keepalives_idle", "keepalives_interval", "keepalives_count", "isolation_level", "cursor_factory"),
            *("server_side_binding", "pool", "prepare_threshold", "row_factory"),
        }
    ),
    "mysql": frozenset(
        {
            *("charset", "collation", "use_unicode", "isolation_level", "sql_mode", "connect_timeout", "conv"),
            *("read_timeout", "write_timeout", "autocommit", "client_flag", "compress", "use_pure"),
        }
    ),
    "sqlite": frozenset({"timeout", "transaction_mode", "init_command", "detect_types", "check_same_thread", "uri"}),
}
_HARMLESS_SQL: Final = re.compile(r"(?i)\s*SET\s+(?!ROLE\b)[^;]*;?\s*")
_SAFE: Final = "/,:"


def database_url(given: Mapping[str, Any], folder: Path, fates: Fates) -> str | None:
    """Return ``db+…`` as deskq takes it; None where there is none that surely means the same rows.

    ``given``: Django's settings of the database, its ``alias`` and the ``vendor`` of its backend; paths in it are
    from ``folder``.
    """
    name = f"DATABASES.{given.get('alias')}"
    kind = _DIALECTS.get(str(given.get("vendor")))
    if kind is None:
        fates.lost(f"{name}.ENGINE", "deskq reads PostgreSQL, MySQL, MariaDB and SQLite only")
        return None
    options = given.get("OPTIONS")
    options = dict(options) if isinstance(options, Mapping) else {}
    parts = {key: str(given.get(key) or "") for key in _PARTS}
    for key in [key for key in options if kind == "postgresql" and key in _IN_OPTIONS]:
        parts[_IN_OPTIONS[key]] = parts[_IN_OPTIONS[key]] or str(options[key])
        fates.taken(f"{name}.OPTIONS.{key}")
        del options[key]
    if kind == "sqlite":
        return _sqlite(parts["NAME"], options, name, folder, fates)
    query: dict[str, str] = {}
    whole = True
    for key, value in options.items():
        place = f"{name}.OPTIONS.{key}"
        mode = str(value).upper() if kind == "mysql" and key == "ssl_mode" else ""
        if key in _IDLE[kind]:
            fates.not_needed(place)
        elif mode.startswith("VERIFY_") and "ca" not in dict(options.get("ssl") or {}):
            whole = False
            fates.lost(place, "deskq needs the CA in OPTIONS.ssl.ca to verify the server, so this database is left out")
        elif mode in _MYSQL_MODES:
            query |= _MYSQL_MODES[mode]
            fates.taken(place)
        elif found := _postgresql(key, value, folder) if kind == "postgresql" else _mysql(key, value, folder):
            _add(query, found)
            fates.taken(place)
        elif key == "init_command" and _HARMLESS_SQL.fullmatch(str(value)):
            fates.not_needed(place)
        elif key == "sslpassword":
            fates.lost(place, "a profile keeps no password of a key's file: give deskq a key without one")
        else:
            whole = False
            fates.lost(place, "deskq does not know what it decides, so this database is left out")
    if kind == "postgresql" and "tenant" in str(given.get("ENGINE")):  # django-tenants sets it for each connection
        _add(query, {"options": f"-c search_path={given.get('schema') or 'public'}"})
        fates.taken(f"{name}.ENGINE", "the schema that all tenants share; those of single tenants are not read")
    if not parts["NAME"] and "service" not in query and "read_default_file" not in query:
        fates.lost(f"{name}.NAME", "it is empty")
        return None
    for key in ("NAME", "USER", "HOST", "PORT", "PASSWORD"):
        if parts[key]:
            fates.taken(f"{name}.{key}")
    return f"db+{_located(kind, parts, query)}" if whole else None


def _sqlite(file: str, options: Mapping[str, Any], name: str, folder: Path, fates: Fates) -> str | None:
    for key in options:
        fates.not_needed(f"{name}.OPTIONS.{key}")
    if not file or ":memory:" in file or file.startswith("file:"):
        fates.lost(f"{name}.NAME", "it is not the path of a file")
        return None
    fates.taken(f"{name}.NAME")
    return "db+sqlite:///" + quote(str((folder / file).resolve()), safe="/ ")


def _located(kind: str, parts: Mapping[str, str], query: dict[str, str]) -> str:
    """The URL; a directory of sockets, or several hosts, stand in its query."""
    login = quote(parts["USER"], safe="")
    if parts["PASSWORD"]:
        login += ":" + quote(parts["PASSWORD"], safe="")
    host, port, place = parts["HOST"], parts["PORT"], ""
    if kind == "mysql" and host.startswith("/"):
        query.setdefault("unix_socket", host)
    elif host.startswith(("/", "@")) or "," in host or (kind == "postgresql" and not host and port):
        query |= {key: value for key, value in (("host", host), ("port", port)) if value}
    elif host or kind == "mysql":
        place = f"[{host}]" if ":" in host else host or "localhost"
        place += f":{port}" if port else ""
    asked = "&".join(f"{key}={quote(value, safe=_SAFE)}" for key, value in query.items())
    database = quote(parts["NAME"], safe="")
    return f"{kind}://{login + '@' if login else ''}{place}/{database}" + (f"?{asked}" if asked else "")


def _postgresql(key: str, value: Any, folder: Path) -> dict[str, str]:
    if key == "assume_role":
        return {"options": f"-c role={_escaped(str(value))}"}
    if key in _LIBPQ_FILES and value != "system":
        return {key: str(folder / Path(str(value)).expanduser())}
    return {key: str(int(value) if isinstance(value, bool) else value)} if key in _LIBPQ and value is not None else {}


def _mysql(key: str, value: Any, folder: Path) -> dict[str, str]:
    if key in _MYSQL_FILES:
        return {key: str(folder / Path(str(value)).expanduser())}
    if key in _MYSQL:
        return {key: str(value)}
    if key in ("ssl", "tls") and isinstance(value, Mapping) and value.keys() <= {"ca", "cert", "key", "check_hostname"}:
        found = {f"ssl_{part}": inner for part, inner in value.items()}
        return {part: _file(inner, folder) for part, inner in found.items() if inner is not None}
    return {}


def _file(value: Any, folder: Path) -> str:
    return str(value).lower() if isinstance(value, bool) else str(folder / Path(str(value)).expanduser())


def _add(query: dict[str, str], found: Mapping[str, str]) -> None:
    """Add to the query; options are a line that may have several parts."""
    for key, value in found.items():
        query[key] = f"{query[key]} {value}" if key == "options" and key in query else value


def _escaped(text: str) -> str:
    """A word of libpq's options: a space or a backslash would end or change it."""
    return re.sub(r"([\\\s])", r"\\\1", text)
