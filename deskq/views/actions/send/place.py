"""Where a task is sent to: a queue, or an exchange with a routing key behind one button."""

from __future__ import annotations

from collections.abc import Iterable

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QGridLayout, QLineEdit, QPushButton, QWidget

from deskq import formats
from deskq.actions.messages.call import Call
from deskq.views.widgets import theme
from deskq.views.widgets.empty_pane import plain_label
from deskq.views.widgets.fields import name_choice, offer_names


class SendPlace(QWidget):
    """The queue, as long as nobody asks for an exchange. ``changed``: something was typed or chosen."""

    changed = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.queue, self.exchange = name_choice("Queue"), name_choice("Exchange")
        self.routing_key = QLineEdit()
        self.routing_key.setAccessibleName("Routing key")
        self.routing_key.setPlaceholderText("routing key")
        self.by_exchange = False
        self.turn = QPushButton()
        self.turn.setAutoDefault(False)
        self.told = plain_label(wrap=True, muted=True)
        layout = QGridLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setVerticalSpacing(theme.GAP_S)
        layout.addWidget(self.queue, 0, 0, 1, 2)
        layout.addWidget(self.exchange, 0, 0)
        layout.addWidget(self.routing_key, 0, 1)
        layout.addWidget(self.turn, 0, 2)
        layout.addWidget(self.told, 1, 0, 1, 3)
        layout.setColumnStretch(0, 1)
        layout.setColumnStretch(1, 1)
        for choice in (self.queue, self.exchange):
            choice.editTextChanged.connect(self.changed)
        self.routing_key.textChanged.connect(self.changed)
        self.turn.clicked.connect(lambda: self._fold(not self.by_exchange))
        self._fold(False)

    def show_call(self, call: Call) -> None:
        """Fill the fields."""
        self.queue.setEditText(call.queue)
        self.exchange.setEditText(call.exchange)
        self.routing_key.setText(call.routing_key)
        self._fold(bool(call.exchange))

    def read(self) -> tuple[str, str, str]:
        """Return queue, exchange and routing key: one or the other is ""."""
        if self.by_exchange:
            return "", self.exchange.currentText().strip(), self.routing_key.text().strip()
        return self.queue.currentText().strip(), "", ""

    def offer(self, queues: Iterable[str], exchanges: Iterable[str]) -> None:
        """Add names that complete what is typed."""
        offer_names(self.queue, queues)
        offer_names(self.exchange, exchanges)

    def tell(self, words: str) -> None:
        """Say where the exchange, or the delay, leads."""
        self.told.setText(formats.plain(words))
        self.told.setVisible(bool(words))

    def _fold(self, by_exchange: bool) -> None:
        self.by_exchange = by_exchange
        self.turn.setText("Queue…" if by_exchange else "Exchange…")
        self.turn.setToolTip("Send to a queue" if by_exchange else "Send to an exchange with a routing key instead")
        self.queue.setVisible(not by_exchange)
        for field in (self.exchange, self.routing_key):
            field.setVisible(by_exchange)
        self.tell("")
        self.changed.emit()
