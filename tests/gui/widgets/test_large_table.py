"""The table of many rows: what a thread arranges is what is shown, the newest wish wins, and Qt's rules are kept."""

from __future__ import annotations

import random
from functools import partial

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PySide6.QtCore import QPersistentModelIndex, Qt
from PySide6.QtTest import QAbstractItemModelTester
from PySide6.QtWidgets import QApplication

from deskq.models.table.columns import RowRole
from deskq.models.table.row_diff import RowOrder, change, row_order_of
from deskq.models.table.threaded import AT_ONCE, ThreadedTableModel
from tests.gui.conftest import Run, until
from tests.gui.widgets.test_small_table import COLUMNS, Row

_FATAL = QAbstractItemModelTester.FailureReportingMode.Fatal
NUMBERS = st.lists(st.integers(0, 300), unique=True, max_size=200)


def numbered(numbers: list[int], mark: str) -> RowOrder[str]:
    return row_order_of([f"{mark}{number}" for number in numbers], list(numbers))


def _at_least(least: int, row: Row) -> bool:
    return row[1] >= least


@settings(max_examples=200)
@given(NUMBERS, NUMBERS)
def test_the_steps_lead_from_any_lines_to_any_others(before: list[int], after: list[int]) -> None:
    old, new = numbered(before, "old"), numbered(after, "new")
    made = change(old, new)
    lines = made.gathered or old
    assert sorted(lines.keys, key=str) == sorted(before, key=str)
    keys = list(lines.keys)
    for first, last in made.removed:
        assert not set(keys[first : last + 1]) & set(after)
        del keys[first : last + 1]
    assert keys == made.rest.keys
    assert (made.added or made.rest).keys[: len(keys)] == keys
    assert set((made.added or made.rest).keys) == set(after)
    assert made.reordered == ((made.added or made.rest).keys != after)
    assert (made.after.rows, made.after.keys) == (new.rows, new.keys)
    for lines in filter(None, (made.gathered, made.rest, made.added, made.after)):
        assert lines.places == {key: line for line, key in enumerate(lines.keys)}


@pytest.mark.parametrize("size", [40, AT_ONCE + 200])
def test_any_many_rows_follow_any_others(qapp: QApplication, run: Run, size: int) -> None:
    dice = random.Random(5)

    async def scenario() -> None:
        model = ThreadedTableModel[Row](COLUMNS, key=lambda row: row[0], sort="count")
        tester = QAbstractItemModelTester(model, _FATAL) if size <= 500 else None
        rows: list[Row] = []
        least, arranged = 0, []
        model.arranged.connect(lambda: arranged.append(True))
        for turn in range(12):
            lines = range(0, model.rowCount(), 9)
            kept = {model.index(line, 0).data(): QPersistentModelIndex(model.index(line, 0)) for line in lines}
            arranged.clear()
            if turn % 3 == 0:
                names = dice.sample(range(2 * size), k=size)
                rows = [(f"n{name}", dice.randrange(50)) for name in names]
                model.replace(rows)
            elif turn % 3 == 1:
                least = 10 - least
                model.keep_only(partial(_at_least, least))
            else:
                model.sort(1, dice.choice((Qt.SortOrder.DescendingOrder, Qt.SortOrder.AscendingOrder)))
            await until(lambda: arranged)
            expected = [row for row in rows if row[1] >= least]
            assert sorted(model.rows()) == sorted(expected)
            counts = [row[1] for row in model.rows()]
            assert counts == sorted(counts, reverse=model._descending)
            assert all(model.row_at(model.line_of(row[0]) or 0) == row for row in expected[::7])
            shown = {row[0] for row in expected}
            for name, index in kept.items():
                assert index.isValid() == (name in shown)
                if index.isValid():
                    assert index.data(RowRole)[0] == name
        assert (tester is not None) == (size <= 500)

    run(scenario())


def test_the_newest_wish_wins(run: Run, qapp: QApplication) -> None:
    async def scenario() -> None:
        model = ThreadedTableModel[Row](COLUMNS, key=lambda row: row[0], sort="name")
        shown: list[int] = []
        model.arranged.connect(lambda: shown.append(model.rowCount()))
        rows = [(f"{number:05}", number) for number in range(3 * AT_ONCE)]
        model.replace(rows)
        assert model.rowCount() == 0  # nothing is done on this thread
        model.keep_only(lambda row: row[1] % 3 == 0)
        model.keep_only(lambda row: row[1] % 3 == 1)
        await until(lambda: shown)
        assert shown == [AT_ONCE]
        assert [row[1] % 3 for row in model.rows()] == [1] * AT_ONCE

    run(scenario())
