"""Words that deskq no longer uses in identifiers, and public classes that share a name."""

from __future__ import annotations

import ast
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import deskq

ROOT = Path(deskq.__file__).parent

REPLACED = {
    "Acting": "ActionDialogs",
    "Ahead": "UpcomingRuns",
    "AskingConnection": "QueryConnection",
    "Beside": "SideTables",
    "Carrier": "PlanExecutor",
    "Carrying": "PlanRunner",
    "Connected": "ReadConnection",
    "Doer": "StepRunner",
    "Handover": "InstanceServer",
    "Kept": "CachedRecord",
    "LargeTableModel": "ThreadedTableModel",
    "Marked": "AbortResult",
    "Parcel": "OutgoingMessage",
    "Samples": "PollApplier",
    "SilentEndings": "LostTaskDetector",
    "SmallTableModel": "TableModel",
    "Standstill": "SuspendDetector",
    "Steering": "WorkerActions",
    "StepCarrier": "PlanExecutor",
    "Stepping": "PlanRunner",
    "Tallies": "Counters",
    "TaskAsking": "TaskCommands",
    "TaskDeeds": "TaskActionNotes",
    "TaskTraces": "ActionLinks",
    "TextIds": "StringIds",
    "Unfit": "Unsupported",
    "Unsure": "WriteUnknown",
    "Upkeep": "Maintenance",
    "carry_steps": "carry_out",
    "deed_words": "state_suffixes",
    "hang_up": "close_connection",
    "may_begin": "create_missing",
    "no_room": "is_disk_full",
    "patiently": "run_in_daemon_thread",
    "traces_about": "actions_on_tasks",
    "unbound": "undeclared_queues",
}
"""The old name, and the one in the field's own words (docs/glossary.md)."""

SHARED = {
    "Refused": "a broker's error, and that of a script which imports nothing of deskq",
    "Transport": "kombu loads its own by this name",
}
"""Why two public classes bear one name."""


def _trees() -> Iterator[tuple[str, ast.Module]]:
    for path in sorted(ROOT.rglob("*.py")):
        yield path.relative_to(ROOT.parent).as_posix(), ast.parse(path.read_text())


def _identifiers(tree: ast.Module) -> Iterator[tuple[int, str]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            yield node.lineno, node.name
        elif isinstance(node, ast.Name):
            yield node.lineno, node.id
        elif isinstance(node, ast.arg):
            yield node.lineno, node.arg
        elif isinstance(node, ast.Attribute):
            yield node.lineno, node.attr


def test_no_identifier_is_an_old_word() -> None:
    found = [
        f"{path}:{line}: {name}, call it {REPLACED[name]}"
        for path, tree in _trees()
        for line, name in _identifiers(tree)
        if name in REPLACED
    ]
    assert found == []


def test_public_classes_are_told_apart_by_their_names() -> None:
    homes = defaultdict(list)
    for path, tree in _trees():
        for node in tree.body:
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                homes[node.name].append(path)
    assert {name: paths for name, paths in homes.items() if len(paths) > 1 and name not in SHARED} == {}
    assert [name for name in SHARED if len(homes[name]) < 2] == []


def test_a_filter_is_called_a_filter() -> None:
    """What is chosen says nothing of what it is."""
    found = [
        f"{path}:{node.lineno}"
        for path, tree in _trees()
        for node in ast.walk(tree)
        if isinstance(node, ast.arg)
        and node.arg == "chosen"
        and node.annotation is not None
        and "Filter" in ast.unparse(node.annotation)
    ]
    assert found == []
