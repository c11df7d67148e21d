"""A table above the detail of its current row."""

from __future__ import annotations

from PySide6.QtWidgets import QLabel

from deskq.models.table.columns import Column
from deskq.models.table.model import TableModel
from deskq.views.widgets.page import MasterDetailPage
from deskq.views.widgets.tables import Table

COLUMNS = (Column[str]("name", "Name", "", lambda row: row, width=100),)


class Words(MasterDetailPage[str]):
    """Says which rows were chosen."""

    def __init__(self) -> None:
        self.chosen: list[str] = []
        model = TableModel(COLUMNS, key=lambda row: row, sort="name")
        super().__init__(model, Table("words", COLUMNS), QLabel(), above=(QLabel(),), sizes=(100, 100))

    def row_chosen(self, row: str) -> None:
        self.chosen.append(row)

    def words_of_nothing(self) -> tuple[str, str]:
        return "No words", "Nobody has said any."

    def show_words(self, *words: str) -> None:
        self.model.replace(words)
        self.select()
        self.update_empty()


def test_the_row_stays_current_while_others_come_and_go(qapp: object) -> None:
    page = Words()
    page.show_words()
    assert page.stack.currentWidget() is page.empty
    assert (page.empty.title.text(), page.current(), page.shown()) == ("No words", None, None)
    page.show_words("b", "c")
    assert page.stack.currentWidget() is page.table
    assert (page.key, page.current(), page.chosen) == ("b", "b", ["b"])  # the first one, as none was chosen
    page.show_words("a", "b", "c")
    assert (page.current(), page.chosen) == ("b", ["b"])
    page.table.selectRow(2)
    assert (page.key, page.shown(), page.selected_rows(), page.chosen) == ("c", "c", ["c"], ["b", "c"])
    page.deleteLater()


def test_a_row_that_comes_later_becomes_current_then(qapp: object) -> None:
    page = Words()
    page.key = "z"
    page.show_words("a")
    assert (page.shown(), page.key) == (None, "z")
    page.show_words("a", "z")
    assert (page.shown(), page.current()) == ("z", "z")
    page.deleteLater()


def test_the_split_is_remembered(qapp: object) -> None:
    page = Words()
    page.resize(300, 400)
    page.splitter.setSizes([60, 240])
    page.save_layout()
    again = Words()
    assert again.splitter.saveState() == page.splitter.saveState()
    assert set(page.commands()) == {"back", "copy_row", "copy_cell"}
    page.deleteLater()
    again.deleteLater()
