"""Actions of the journal with their items, written into a file."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from deskq.actions.journal.journal import ActionRow, Journal
from deskq.history.cells import safe_cell


def write_actions(journal: Journal, actions: Sequence[ActionRow], path: Path) -> None:
    """Write JSON lines, or CSV if the file's name says so; blocking. Raises UserError."""
    from deskq.files.private_files import write_private

    rows: list[dict[str, Any]] = []
    for action in actions:
        about = {"at": action.at, "person": action.person, "profile": action.profile, "title": action.title}
        rows += [{**about, **asdict(item)} for item in journal.items(action.id)]
    write_private(path, _as_csv(rows) if path.suffix == ".csv" else _as_lines(rows), "The journal")


def _as_lines(rows: Sequence[dict[str, Any]]) -> str:
    return "".join(f"{json.dumps(row, ensure_ascii=False)}\n" for row in rows)


def _as_csv(rows: Sequence[dict[str, Any]]) -> str:
    """A cell that a spreadsheet would take for a formula begins with an apostrophe."""
    text = io.StringIO()
    if rows:
        writer = csv.DictWriter(text, list(rows[0]), lineterminator="\n")
        writer.writeheader()
        for row in rows:
            writer.writerow({key: safe_cell(value) for key, value in row.items()})
    return text.getvalue()
