"""``deskq history``: show, check, compact and copy a history file, and export its tasks."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import TextIO

from deskq import paths
from deskq.cli.commands.tasks import say_unreadable
from deskq.cli.common import history_of, plain
from deskq.cli.exit_status import ExitStatus
from deskq.cli.options.history import CheckOptions, CompactOptions, CopyOptions, HistoryExportOptions, InfoOptions
from deskq.cli.task_filter import filter_of
from deskq.cli.task_listing import TASKS
from deskq.cli.terminal import say_progress
from deskq.errors import UserError
from deskq.history.reading.inspection import Description, Progress, as_values, compact, copy_history, describe, problems
from deskq.history.reading.reader import HistoryReader
from deskq.history.recovery.salvage import set_aside_and_salvage
from deskq.history.rows import Gap
from deskq.plain_text import json_text
from deskq.system import make_private

_GAPS_SHOWN = 20


def print_description(options: InfoOptions) -> int:
    """Print what a history holds."""
    description = describe(history_of(options.history, options))
    if options.format == "json":
        print(json_text(as_values(description), indent=2))
    else:
        lines = _lines(description)
        width = max(len(title) for title, _ in lines)
        for title, text in lines:
            print(f"{title:<{width}}  {plain(text)}".rstrip())
    return 0


def check(options: CheckOptions) -> int:
    """Print what is wrong with a history; 1 if anything is."""
    path = history_of(options.history, options)
    found = problems(path, _progress("checked"))
    if not found:
        print(f"{path}: no damage found.")
        return 0
    for problem in found:
        print(plain(problem))
    if options.salvage:
        print(set_aside_and_salvage(path.resolve(), _progress("salvaged")))
        return 0
    print(f"To salvage it into a new file and keep the damaged one: deskq history check --salvage {path}")
    return ExitStatus.FAILED


def compact_file(options: CompactOptions) -> int:
    """Make a history small."""
    path = history_of(options.history, options)
    before, after = compact(path, _progress("compacted"))
    print(f"{path}: {_megabytes(before)} before, {_megabytes(after)} after.")
    return 0


def copy_file(options: CopyOptions) -> int:
    """Copy a history into one file."""
    path, target = history_of(options.history, options), paths.written(options.target)
    tasks, size = copy_history(path, target, _progress("copied"))
    print(f"{tasks:,} {'task' if tasks == 1 else 'tasks'} copied to {target}: {_megabytes(size)}.")
    return 0


def export(options: HistoryExportOptions) -> int:
    """Write tasks to the terminal or to a file."""
    reader = HistoryReader(history_of(options.history, options))
    try:
        task_filter = filter_of(options, reader)
        if not options.output:
            TASKS.write(reader.export(task_filter), options.format, sys.stdout)
        else:
            place = paths.written(options.output)
            count = _write_whole(place, lambda stream: TASKS.write(reader.export(task_filter), options.format, stream))
            print(f"{count:,} tasks written to {place}.", file=sys.stderr)
        say_unreadable(reader)
    finally:
        reader.close()
    return 0


def _write_whole(place: Path, write: Callable[[TextIO], int]) -> int:
    """Write a file that appears when it is complete; only its owner can read it, since arguments may hold secrets."""
    part = place.with_name(f"{place.name}.part")
    try:
        make_private(part)
        with part.open("w", encoding="utf-8") as stream:
            count = write(stream)
            stream.flush()
            os.fsync(stream.fileno())
        part.replace(place)
    except OSError as error:
        raise UserError(f"{place} cannot be written: {error.strerror}. Choose another --output.") from None
    finally:
        part.unlink(missing_ok=True)
    return count


def _lines(description: Description) -> list[tuple[str, str]]:
    status = description.status
    total = sum(description.tasks.values())
    states = ", ".join(f"{state} {n:,}" for state, n in sorted(description.tasks.items(), key=lambda item: -item[1]))
    wal = f" + {_megabytes(description.wal)} not yet merged" if description.wal else ""
    free = f", {_megabytes(description.free)} of it unused" if description.free else ""
    recorder = "at work" if status.writer_alive else f"last seen {_time(status.updated or None)}"
    lines = [
        ("File", f"{description.path} (format {description.version})"),
        ("Size", f"{_megabytes(description.size)}{wal}{free}"),
        ("Tasks", f"{total:,}{': ' if states else ''}{states}"),
        ("Begun", _time(description.created or None)),
        ("First seen", f"{_time(description.oldest)} to {_time(description.newest)}"),
        ("Recorder", f"{recorder}; {status.events:,} events, {status.malformed:,} malformed"),
        ("Malformed", f"{description.malformed:,} kept"),
        ("Gaps", f"{len(description.gaps):,}"),
    ]
    lines += [("", _gap(gap)) for gap in description.gaps[-_GAPS_SHOWN:]]
    if len(description.gaps) > _GAPS_SHOWN:
        lines.append(("", f"and {len(description.gaps) - _GAPS_SHOWN:,} older; list all with --format json"))
    if status.message:
        lines.append(("It says", status.message))
    return lines


def _gap(gap: Gap) -> str:
    lost = f" ({gap.estimate:,} lost)" if gap.estimate is not None else ""
    return f"{_time(gap.started)} to {_time(gap.ended) if gap.ended is not None else 'now'}: {gap.cause}{lost}"


def _time(moment: float | None) -> str:
    return "never" if moment is None else datetime.fromtimestamp(moment).astimezone().strftime("%Y-%m-%d %H:%M:%S")


def _megabytes(size: int) -> str:
    return f"{size / 1e6:,.1f} MB"


def _progress(verb: str) -> Progress:
    """Say on a terminal, and only there, how far it is."""
    if not sys.stderr.isatty():
        return lambda _done, _all: None

    def say(done: int, total: int) -> None:
        say_progress(f"{verb} {100 * done // max(total, 1)} %")

    return say
