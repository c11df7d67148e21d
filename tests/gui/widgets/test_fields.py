"""Fields that several dialogs have."""

from __future__ import annotations

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QFormLayout, QLabel, QWidget

from deskq.views.actions.send.fields import SendFields
from deskq.views.profiles.form import ProfileForm
from deskq.views.profiles.import_source import ImportSource


@pytest.mark.parametrize("make", [SendFields, ProfileForm, lambda: ImportSource("app")])
@pytest.mark.usefixtures("qapp")
def test_the_letter_of_each_title_reaches_a_field_that_takes_the_focus(make: type[QWidget]) -> None:
    pane = make()
    titles = {
        label.text(): label.buddy()
        for form in pane.findChildren(QFormLayout)
        for row in range(form.rowCount())
        if (item := form.itemAt(row, QFormLayout.ItemRole.LabelRole)) is not None
        and isinstance(label := item.widget(), QLabel)
        and "&" in label.text()
    }
    assert titles
    dead = {text for text, buddy in titles.items() if buddy.focusPolicy() == Qt.FocusPolicy.NoFocus}
    assert not dead - {"Ar&guments"}  # its form makes fields when a task is chosen
    pane.deleteLater()
