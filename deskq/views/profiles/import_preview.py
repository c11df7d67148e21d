"""What an import would save: which profiles are new, which would be overwritten; nothing happens before a click."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtGui import QPalette
from PySide6.QtWidgets import (
    QHBoxLayout,
    QLabel,
    QListWidget,
    QListWidgetItem,
    QPushButton,
    QScrollArea,
    QVBoxLayout,
    QWidget,
)

from deskq.formats import count, plain
from deskq.profiles import Profile
from deskq.profiles.fields import problems
from deskq.profiles.importing.proposals import Proposal
from deskq.views.widgets import theme
from deskq.views.widgets.dialog import Dialog
from deskq.views.widgets.empty_pane import plain_label


class ImportPreview(Dialog):
    """Emits ``chosen`` with the list of Proposals to save."""

    chosen = Signal(list)

    def __init__(self, proposals: Sequence[Proposal], saved: Iterable[Profile], parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setWindowTitle("Import profiles")
        self.resize(680, 520)
        self._proposals, self._saved = list(proposals), {profile.name: profile for profile in saved}
        self.list = QListWidget()
        self.list.setAccessibleName("Profiles to import")
        for proposal in proposals:
            self.list.addItem(self._item(proposal))
        self.detail = plain_label(wrap=True, muted=True)
        self.detail.setAlignment(Qt.AlignmentFlag.AlignTop)
        self.warning = plain_label(wrap=True)
        self.warning.setForegroundRole(QPalette.ColorRole.BrightText)
        self.cancel = QPushButton("Cancel")
        self.accept_button = QPushButton()
        self.press_by_return(self.accept_button)
        bottom = QHBoxLayout()
        bottom.addStretch(1)
        bottom.addWidget(self.cancel)
        bottom.addWidget(self.accept_button)
        layout = QVBoxLayout(self)
        layout.setSpacing(theme.GAP)
        layout.addWidget(self.list, 1)
        self._details = _scrolled(self.detail)
        layout.addWidget(self._details, 3)
        layout.addWidget(self.warning)
        layout.addLayout(bottom)
        self.cancel.clicked.connect(self.reject)
        self.accept_button.clicked.connect(self._accept)
        self.list.itemChanged.connect(self._changed)
        self.list.currentRowChanged.connect(self._show_detail)
        self.list.setCurrentRow(0)
        self._changed()

    def _item(self, proposal: Proposal) -> QListWidgetItem:
        profile = proposal.profile
        overwrites = profile.name in self._saved
        wrong = next(iter(problems(profile).values()), "")
        fate = wrong or proposal.fate(self._saved.get(profile.name))
        item = QListWidgetItem(f"{plain(profile.name)} ({fate})   {plain(profile.url)}")
        item.setSizeHint(QSize(0, round(self.fontMetrics().height() * 1.6)))
        item.setFlags(Qt.ItemFlag.ItemIsUserCheckable | Qt.ItemFlag.ItemIsEnabled | Qt.ItemFlag.ItemIsSelectable)
        item.setCheckState(Qt.CheckState.Unchecked if overwrites or wrong else Qt.CheckState.Checked)
        if wrong:
            item.setFlags(Qt.ItemFlag.ItemIsSelectable | Qt.ItemFlag.ItemIsEnabled)
        return item

    def _checked(self) -> list[Proposal]:
        return [
            proposal
            for row, proposal in enumerate(self._proposals)
            if self.list.item(row).checkState() == Qt.CheckState.Checked
        ]

    def _changed(self) -> None:
        chosen = self._checked()
        overwritten = [one for one in chosen if one.profile.name in self._saved]
        lines = [f"▲ “{plain(one.profile.name)}” {one.fate(self._saved[one.profile.name])}." for one in overwritten]
        self.accept_button.setText(f"Import {count(len(chosen), 'profile')}")
        self.accept_button.setEnabled(bool(chosen))
        self.warning.setText("\n".join(lines))
        self.warning.setVisible(bool(lines))

    def _show_detail(self, row: int) -> None:
        if not 0 <= row < len(self._proposals):
            return
        proposal = self._proposals[row]
        lines = proposal.lines(self._saved.get(proposal.profile.name))
        self.detail.setText("\n".join(map(plain, lines)))
        self._details.verticalScrollBar().setValue(0)

    def _accept(self) -> None:
        self.chosen.emit(self._checked())
        self.accept()


def _scrolled(label: QLabel) -> QScrollArea:
    """As long as the text may be, the buttons stay in the window."""
    area = QScrollArea()
    area.setWidget(label)
    area.setWidgetResizable(True)
    area.setAccessibleName("Imported settings")
    area.setFrameShape(QScrollArea.Shape.NoFrame)
    return area
