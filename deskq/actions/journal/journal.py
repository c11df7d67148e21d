"""The journal of actions: on disk before the first byte leaves, with the outcome of each item; kept for a year.

One SQLite file for all profiles, ``synchronous=FULL``. Any process writes to it in short transactions; who carries a
plan out holds a lock on a file named after it, so that others can tell a plan that runs from one whose process died.
"""

from __future__ import annotations

import contextlib
import getpass
import json
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import apsw

from deskq import paths
from deskq.actions.journal import ages as journal_ages
from deskq.actions.journal.database import JournalUnwritable, open_file
from deskq.actions.journal.encoding import as_json, line_of
from deskq.actions.plan import AnyPlan, Item, Outcome, Step, Verb
from deskq.errors import UserError
from deskq.files.locks import WriterLock, is_locked, lock_path
from deskq.profiles import Profile

_ACTION: Final = "id, at, person, profile, place, environment, safety, verb, title, options, ended, undoes"
_ITEM: Final = "action, number, new_id, source, task, queue, grade, command, outcome, words, at"


@dataclass(frozen=True, slots=True)
class ActionRow:
    """One action. ``outcomes``: how many items ended how; ``running``: some process carries it out just now.

    ``undoes``: the action that this took back, "" if none.
    """

    id: str
    at: float
    person: str
    profile: str
    place: str
    environment: str
    safety: str
    verb: str
    title: str
    options: str
    ended: float | None
    undoes: str
    outcomes: dict[str, int]
    running: bool


@dataclass(frozen=True, slots=True)
class ItemRow:
    """One item of an action; ``words``: what the broker said."""

    action: str
    number: int
    new_id: str
    source: str
    task: str
    queue: str
    grade: str
    command: str
    outcome: str
    words: str
    at: float


def journal_path() -> Path:
    """Return where the journal is."""
    return paths.state_dir() / "journal.sqlite"


class Journal:
    """The journal; blocking, one thread at a time. Raises UserError where the file cannot be opened or written."""

    def __init__(self, path: Path | None = None) -> None:
        self.path = path or journal_path()
        self._locks: dict[str, WriterLock] = {}
        try:
            self._connection = open_file(self.path)
        except (apsw.Error, OSError) as error:
            strange = isinstance(error, apsw.CorruptError | apsw.NotADBError)
            advice = "Move it away." if strange else "Check whether the disk is full or read-only."
            raise UserError(
                f"The journal {self.path} cannot be opened: {error}. Without it deskq changes nothing. {advice}"
            ) from None

    def close(self) -> None:
        """Close the file and let go of what this process carried out."""
        for action in list(self._locks):
            self._let_go(action)
        self._connection.close()

    def begin(self, plan: AnyPlan, profile: Profile) -> None:
        """Write the whole plan to disk; when this returns it survives a power cut. Takes the plan's lock.

        Raises UserError where somebody else retried some of its tasks after this plan looked, took back what it takes
        back, or sent this very id.
        """
        lock = WriterLock(self._lock_of(plan.id))
        if not lock.acquire():
            raise UserError("This plan is already being carried out.")
        self._locks[plan.id] = lock
        policy = plan.policy
        options = {"rate": policy.rate, "canary": policy.canary, "crosses": plan.crosses, "tries": policy.tries}
        now = time.time()
        row = (plan.id, now, _person(), profile.name, profile.url, profile.environment.value, profile.safety.value)
        with self._transaction():
            self._refuse_overtaken(plan)
            self._connection.execute(
                "INSERT INTO actions VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, NULL, ?)",
                (*row, plan.verb.value, plan.title, json.dumps(options), plan.undoes),
            )
            self._connection.executemany(
                "INSERT INTO items VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, '', ?, ?)",
                (
                    (plan.id, number, *line[:-1], Outcome.PLANNED.value, now, line[-1])
                    for number, line in enumerate(map(line_of, plan.items))
                ),
            )

    def _refuse_overtaken(self, plan: AnyPlan) -> None:
        known = {item.source: item.earlier for item in plan.items if isinstance(item, Item) and item.source}
        rows = [row for retries in self.retries_of(list(known)).values() for row in retries]
        again = [row for row in rows if row.new_id not in known[row.source]]
        if again:
            count = len({row.source for row in again})
            were = f"{count:,} of these tasks were" if count > 1 else "One of these tasks was"
            raise UserError(f"{were} retried since the preview (action {again[0].action}). Open the preview again.")
        if plan.undoes:
            left = {(row.queue, as_json(undo)) for row, undo in self.undos(plan.undoes)}
            if any(isinstance(step, Step) and (step.target, as_json(step.detail)) not in left for step in plan.items):
                raise UserError("The action has been undone since the preview. Open the journal again.")
        if [type(item) for item in plan.items] == [Item]:  # of several the ids are always random
            query = "SELECT action FROM items WHERE new_id = ? AND outcome NOT IN ('failed', 'not sent')"
            sent = self._all(query, (plan.items[0].id,))
            if sent:
                raise UserError(
                    f"deskq already sent a task with this id (action {sent[0][0]}). Enter another id, or none."
                )

    def mark(self, action: str, outcomes: Iterable[tuple[int, Outcome, str]]) -> None:
        """Write how items stand: (number, outcome, words). On disk when this returns."""
        now = time.time()
        with self._transaction():
            self._connection.executemany(
                "UPDATE items SET outcome = ?, words = ?, at = ? WHERE action = ? AND number = ?",
                [(outcome.value, words[:2_000], now, action, number) for number, outcome, words in outcomes],
            )

    def keep_undo(self, action: str, undos: Iterable[tuple[int, Mapping[str, Any]]]) -> None:
        """Write how items are taken back, where that is known only afterwards: (number, detail)."""
        with self._transaction():
            self._connection.executemany(
                "UPDATE items SET undo = ? WHERE action = ? AND number = ?",
                [(as_json(undo), action, number) for number, undo in undos],
            )

    def undos(self, action: str) -> list[tuple[ItemRow, dict[str, Any]]]:
        """Return the items of an action that were done and are not taken back, the last one first, with the details.

        Where it is not known they may have been; but to consume again what is consumed changes nothing, so that those
        of a pause are tried again.
        """
        paused = "(SELECT verb FROM actions WHERE id = ?1) = 'pause'"
        rows = self._all(
            f"SELECT {_ITEM}, undo FROM items i WHERE action = ?1 AND undo <> '' AND (outcome = 'done' "
            f"OR outcome = 'unknown' AND {paused}) AND NOT EXISTS ("
            "SELECT 1 FROM items back WHERE back.action IN (SELECT id FROM actions WHERE undoes = ?1) "
            "AND back.queue = i.queue AND back.message = CAST(i.undo AS BLOB) "
            f"AND back.outcome NOT IN ('failed', 'not sent') AND NOT (back.outcome = 'unknown' AND {paused})) "
            "ORDER BY number DESC",
            (action,),
        )
        return [(ItemRow(*row[:-1]), json.loads(row[-1])) for row in rows]

    def undone_by(self, action: str) -> str:
        """Return the id of the latest action that took back what was left of this one, "" if some is left."""
        if self.undos(action):
            return ""
        rows = self._all(
            "SELECT id FROM actions WHERE undoes = ? AND EXISTS ("
            "SELECT 1 FROM items WHERE action = actions.id AND outcome NOT IN ('failed', 'not sent')) "
            "ORDER BY at DESC LIMIT 1",
            (action,),
        )
        return str(rows[0][0]) if rows else ""

    def end(self, action: str) -> None:
        """The plan is carried out or was stopped: what was not begun is not sent.

        What still is on its way here ended while the journal could not be written: how is unknown.
        """
        with self._transaction():
            self._connection.execute(
                "UPDATE items SET outcome = 'unknown', words = 'how it ended could not be written', at = ? "
                "WHERE action = ? AND outcome = 'sending'",
                (time.time(), action),
            )
            self._connection.execute(
                "UPDATE items SET outcome = ?, at = ? WHERE action = ? AND outcome = 'planned'",
                (Outcome.STOPPED.value, time.time(), action),
            )
            self._connection.execute("UPDATE actions SET ended = ? WHERE id = ?", (time.time(), action))
        self._let_go(action)
        with contextlib.suppress(apsw.Error):  # a copy of the file alone should hold it, while others have it open too
            self._connection.wal_checkpoint("main", apsw.SQLITE_CHECKPOINT_PASSIVE)

    def recover(self) -> list[str]:
        """Look after plans whose process died: what was on its way is unknown, the rest was not sent; their ids."""
        found: list[str] = []
        for (action,) in self._all("SELECT id FROM actions WHERE ended IS NULL", ()):
            if is_locked(self._lock_of(action)):
                continue
            with self._transaction():
                self._connection.execute(
                    "UPDATE items SET outcome = 'unknown', words = 'deskq ended while it was being sent' "
                    "WHERE action = ? AND outcome = 'sending'",
                    (action,),
                )
                self._connection.execute(
                    "UPDATE items SET outcome = ? WHERE action = ? AND outcome = 'planned'",
                    (Outcome.STOPPED.value, action),
                )
                self._connection.execute("UPDATE actions SET ended = ? WHERE id = ?", (time.time(), action))
            found.append(action)
        return found

    def forget_old(self, now: float) -> None:
        """Remove what is too old, see journal_ages; where nothing is, nobody who writes is waited for."""
        before = journal_ages.old_before(self._all, now)
        if before is not None:
            with self._transaction():
                journal_ages.forget(self._all, before)

    def actions(self, text: str = "", limit: int = 1_000) -> list[ActionRow]:
        """Return actions, newest first; ``text`` is searched in titles, people, tasks, queues and ids."""
        like = f"%{text.replace('%', '').replace('_', '')}%"
        rows = self._all(
            f"SELECT {_ACTION} FROM actions WHERE ?1 = '' OR id = ?1 OR title LIKE ?2 OR person LIKE ?2 OR id IN ("
            "SELECT action FROM items WHERE new_id = ?1 OR source = ?1 OR task LIKE ?2 OR queue LIKE ?2) "
            "ORDER BY at DESC LIMIT ?3",
            (text, like, limit),
        )
        return [self._action(row) for row in rows]

    def actions_of(self, profile: str, verb: Verb, limit: int = 1_000) -> list[ActionRow]:
        """Return the actions of one kind on a profile, newest first."""
        rows = self._all(
            f"SELECT {_ACTION} FROM actions WHERE profile = ? AND verb = ? ORDER BY at DESC LIMIT ?",
            (profile, verb.value, limit),
        )
        return [self._action(row) for row in rows]

    def items(self, action: str) -> list[ItemRow]:
        """Return the items of an action in the plan's order."""
        return [
            ItemRow(*row) for row in self._all(f"SELECT {_ITEM} FROM items WHERE action = ? ORDER BY number", (action,))
        ]

    def items_about(self, uuids: Sequence[str]) -> list[tuple[ItemRow, str, str, str]]:
        """Return the items that these tasks are sources or results of, with verb, person and profile, oldest first.

        What is on its way for a process that died is unknown.
        """
        names = ", ".join(f"i.{name}" for name in _ITEM.split(", "))
        running: dict[str, bool] = {}
        rows: dict[tuple[str, int], Any] = {}
        for part in _parts([uuid for uuid in uuids if uuid]):
            marks = ", ".join(f"?{number + 1}" for number in range(len(part)))
            sql = (
                f"SELECT {names}, a.verb, a.person, a.profile, a.at FROM items i JOIN actions a ON a.id = i.action "
                f"WHERE i.rowid IN (SELECT rowid FROM items WHERE new_id IN ({marks}) "
                f"UNION SELECT rowid FROM items WHERE source <> '' AND source IN ({marks}))"  # else no index is used
            )
            rows.update(((row[0], row[1]), row) for row in self._all(sql, part))
        found = []
        for row in sorted(rows.values(), key=lambda row: (row[-1], row[1])):
            item = ItemRow(*row[:-4])
            if item.outcome == "sending":
                if item.action not in running:
                    running[item.action] = is_locked(self._lock_of(item.action))
                item = item if running[item.action] else replace(item, outcome="unknown")
            found.append((item, row[-4], row[-3], row[-2]))
        return found

    def unknown(self, profile: str = "", verb: str = "") -> list[ItemRow]:
        """Return the items of which nobody knows whether they were done; of one profile, of one verb."""
        names = ", ".join(f"i.{name}" for name in _ITEM.split(", "))
        return [
            ItemRow(*row)
            for row in self._all(
                f"SELECT {names} FROM items i JOIN actions a ON a.id = i.action "
                "WHERE i.outcome = 'unknown' AND ?1 IN ('', a.profile) AND ?2 IN ('', a.verb) ORDER BY a.at, i.number",
                (profile, verb),
            )
        ]

    def retries_of(self, sources: Sequence[str]) -> dict[str, list[ItemRow]]:
        """Return, for each of these tasks, the items that retry it and were not held back, oldest first."""
        found: dict[str, list[ItemRow]] = {}
        for part in _parts(sources):
            rows = self._all(
                f"SELECT {_ITEM} FROM items WHERE source <> '' AND source IN ({', '.join('?' * len(part))}) "
                "AND outcome IN ('planned', 'sending', 'done', 'unknown') "
                "AND (SELECT verb FROM actions WHERE id = items.action) = 'retry' ORDER BY at",
                part,
            )
            for row in rows:
                item = ItemRow(*row)
                if item.outcome != "planned" or is_locked(self._lock_of(item.action)):
                    found.setdefault(item.source, []).append(item)
        return found

    def message(self, action: str, number: int) -> bytes:
        """Return the message of an item as it was written before it was sent: JSON, as Redis would hold it."""
        rows = self._all("SELECT message FROM items WHERE action = ? AND number = ?", (action, number))
        return bytes(rows[0][0]) if rows else b""

    def last_message(self, task: str) -> bytes:
        """Return the message of the last call of a task that was sent and retried nothing, b"" if there is none."""
        rows = self._all(
            "SELECT i.message FROM items i JOIN actions a ON a.id = i.action "
            "WHERE a.verb = 'send' AND i.task = ? AND i.outcome = 'done' ORDER BY a.at DESC LIMIT 1",
            (task,),
        )
        return bytes(rows[0][0]) if rows else b""

    def sent_messages(self, tasks: Sequence[str]) -> dict[str, bytes]:
        """Return the messages of those tasks that deskq sent itself, by id, as Redis would hold them."""
        found: dict[str, bytes] = {}
        for uuid in tasks:
            rows = self._all(
                "SELECT i.message FROM items i JOIN actions a ON a.id = i.action "
                "WHERE i.new_id = ? AND a.verb IN ('send', 'retry') LIMIT 1",
                (uuid,),
            )
            if rows:
                found[uuid] = bytes(rows[0][0])
        return found

    @contextlib.contextmanager
    def _transaction(self) -> Iterator[None]:
        try:
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield
            except BaseException:
                with contextlib.suppress(apsw.SQLError):  # a full disk has ended it already
                    self._connection.execute("ROLLBACK")
                raise
            self._connection.execute("COMMIT")
        except apsw.Error as error:
            raise JournalUnwritable(f"The journal {self.path} cannot be written: {error}. Free some space.") from None
        except UnicodeEncodeError as error:
            words = error.object.encode(errors="backslashreplace").decode()[:200]
            raise UserError(f"The journal cannot hold “{words}”: it is not valid Unicode. Remove it.") from None

    def _all(self, sql: str, values: tuple[Any, ...]) -> list[Any]:
        try:
            return list(self._connection.execute(sql, values))
        except apsw.Error as error:
            raise UserError(f"The journal {self.path} cannot be read: {error}. Move it away to go on.") from None

    def _action(self, row: Any) -> ActionRow:
        return ActionRow(*[*row, self._outcomes(row[0]), row[10] is None and is_locked(self._lock_of(row[0]))])

    def _outcomes(self, action: str) -> dict[str, int]:
        return dict(self._all("SELECT outcome, count(*) FROM items WHERE action = ? GROUP BY outcome", (action,)))

    def _lock_of(self, action: str) -> Path:
        return self.path.parent / "plans" / action

    def _let_go(self, action: str) -> None:
        lock = self._locks.pop(action, None)
        if lock is not None:
            lock_path(self._lock_of(action)).unlink(missing_ok=True)  # nobody else waits for it: ids are used once
            lock.release()


def _parts(uuids: Sequence[str]) -> Iterator[tuple[str, ...]]:
    for first in range(0, len(uuids), 500):
        yield tuple(uuids[first : first + 500])


def _person() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError):
        return ""
