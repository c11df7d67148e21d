"""Every command that changes something passes the one guard, at a real broker, whatever its URL is spelled like."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Final

import pytest

from deskq.actions.journal.journal import Journal
from deskq.actions.workers.verbs import VERBS
from deskq.cli import main
from deskq.cli.parser.command_parser import CommandParser
from deskq.cli.parser.parser import build_parser
from deskq.history.writing.writer import History
from deskq.profiles import PasswordStore, Profile, ProfileFile, Safety, SavedProfiles
from tests.support.servers import RedisServer
from tests.unit.history.test_history import NOW, add_task, uuid_of

READING: Final = {
    "completion",
    "doctor", "history check", "history compact", "history copy", "history export", "history info", "journal",
    "profiles add", "profiles duplicate", "profiles edit", "profiles export", "profiles import", "profiles list",
    "profiles move", "profiles remove", "profiles rename", "profiles set-password", "profiles test", "record", "result",
    "schedules export", "schedules list", "schedules next", "schedules show", "tasks", "window",
}  # fmt: skip
"""Commands that change nothing at a broker: deskq's own files at most."""

ENTRY: Final = ("--task", "t", "--every", "5m")
CHANGING: Final[dict[str, Sequence[str]]] = {
    "abort": ("URL", uuid_of(1), "--backend", "URL"),
    "control": ("URL", "shutdown", "--worker", "one@host"),
    "demo": ("--headless", "--seconds", "0", "--broker", "URL"),
    "retry": ("URL", uuid_of(1), "--queue", "emails", "--history", "HISTORY"),
    "revoke": ("URL", uuid_of(1), "--terminate"),
    "schedules add": ("STORE", "--name", "new", *ENTRY),
    "schedules delete": ("STORE", "nightly"),
    "schedules disable": ("STORE", "nightly"),
    "schedules edit": ("STORE", "nightly", "--every", "1s"),
    "schedules enable": ("STORE", "off"),
    "schedules import": ("STORE", "FILE"),
    "send": ("URL", "mail.send", "--queue", "emails"),
}
"""The others, with arguments that would do something. URL and STORE: of the guarded broker, spelled in some way."""
ALSO: Final[dict[str, Sequence[str]]] = {
    **{f"control {verb.name}": ("URL", verb.name, *(f"{one.key}=1" for one in verb.parameters), "--worker", "w@h")
       for verb in VERBS.values() if verb.changes},
    "control pause-queue": ("URL", "pause-queue", "emails", "--worker", "w@h"),
    "control resume-queue": ("URL", "resume-queue", "emails"),
    "revoke stamped": ("URL", "--stamp", "a=b"),
    "send exchange": ("URL", "mail.send", "--exchange", "celery", "--routing-key", "celery"),
    "journal undo": ("--undo", "ACTION", "--on", "URL"),
}  # fmt: skip
"""Other ways of these commands."""
SPELLINGS: Final = (
    ("redis://LOCALHOST:{port}", Safety.READ_ONLY),
    ("redis://127.1:{port}/00", Safety.READ_ONLY),
    ("valkey://[::ffff:127.0.0.1]:{port}", Safety.ASK_NAME),
)
_WRITES: Final = {
    *("append", "del", "eval", "evalsha", "exec", "expire", "fcall", "getset", "hdel", "hset", "hsetnx", "incr"),
    *("lpush", "lrem", "lset", "publish", "rename", "rpush", "sadd", "set", "setex", "setnx", "spublish", "srem"),
    *("unlink", "xadd", "zadd", "zrem"),
}


def commands(parser: argparse.ArgumentParser, names: tuple[str, ...] = ()) -> Iterator[str]:
    """All commands of a parser, those below others by both names."""
    assert isinstance(parser, CommandParser)
    parser.complete()
    below = [action for action in parser._actions if isinstance(action, argparse._SubParsersAction)]
    if not below:
        yield " ".join(names)
    for action in below:
        for name, one in action.choices.items():
            yield from commands(one, (*names, name))


def test_each_command_is_known_to_change_something_or_not() -> None:
    assert set(commands(build_parser())) == READING | CHANGING.keys()


@pytest.fixture(scope="module")
def server(needs: Callable[[Callable[[], RedisServer]], RedisServer]) -> Iterator[RedisServer]:
    with needs(RedisServer) as server:
        yield server


@pytest.fixture
def given(server: RedisServer, tmp_path: Path) -> dict[str, str]:
    """A guarded broker with two schedules, a history of it, and a change that could be undone."""
    client = server.client()
    client.flushdb()
    for name, more in (("nightly", ()), ("off", ()), ("undone", ())):
        assert main(["schedules", "add", server.url, "--name", name, *ENTRY, *more, "--yes"]) == 0
    assert main(["schedules", "disable", server.url, "off", "--yes"]) == 0
    with closing(Journal()) as journal:
        action = journal.actions()[0].id
    history = History(tmp_path / "shop.sqlite")
    add_task(history, 1, state="failed", name="mail.send", kwargs="{}", queue="emails")
    history.commit(NOW)
    history.close()
    file = tmp_path / "schedules.toml"
    assert main(["schedules", "export", server.url, "--output", str(file)]) == 0
    file.write_text(file.read_text().replace('"nightly"', '"imported"'))
    guard = Profile.from_url(server.url, name="prod", safety=Safety.READ_ONLY)
    SavedProfiles(ProfileFile(), PasswordStore()).put(guard)
    client.sadd("_kombu.binding.celery", "celery\x06\x16\x06\x16celery")
    client.config_resetstat()
    return {"HISTORY": str(history.path), "FILE": str(file), "ACTION": action}


def stored(server: RedisServer) -> dict[bytes, bytes | None]:
    """All that it holds but for what is left of questions to workers."""
    client = server.client()
    keys = [key for key in client.scan_iter() if isinstance(key, bytes) and not key.startswith(b"_kombu.")]
    return {key: client.dump(key) for key in keys}


def written(server: RedisServer) -> set[str]:
    """Which commands that change something the server has carried out since the fixture."""
    stats = server.client().info("commandstats")
    return {name.removeprefix("cmdstat_").partition("|")[0] for name in stats} & _WRITES


@pytest.mark.parametrize(("spelling", "safety"), SPELLINGS)
def test_a_spelling_is_no_way_around_the_guard(
    server: RedisServer, given: dict[str, str], spelling: str, safety: Safety, capsys: pytest.CaptureFixture[str]
) -> None:
    url = spelling.format(port=server.port)
    assert main(["profiles", "edit", "prod", "--safety", safety.value, "--watch-queue", "q", "--yes"]) == 0
    values = given | {"URL": url, "STORE": f"redbeat:{url}" if "127.1" in url else url}
    before = stored(server)
    passed = []
    for command, template in [*CHANGING.items(), *ALSO.items()]:
        capsys.readouterr()
        words = [values.get(word, word) for word in template]
        yes = [] if command == "demo" else ["--yes"]
        status = main([*command.split()[: 2 if command in CHANGING else 1], *words, *yes])
        said = capsys.readouterr().err
        nothing = "not paused" in said or "nothing to pause" in said
        if status != 2 or not ("“prod”" in said or (nothing and command.endswith("e-queue"))):
            passed.append((command, status, said))
    assert passed == []
    if safety is Safety.READ_ONLY:  # otherwise workers are asked about their queues
        assert written(server) == set()
    assert stored(server) == before
