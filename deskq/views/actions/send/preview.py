"""What will go out: the message, and the same call as Python and as ``celery call``."""

from __future__ import annotations

import json
from typing import Any

from PySide6.QtWidgets import QPlainTextEdit, QTabWidget

from deskq import formats
from deskq.actions.messages.call import Call, as_command, as_python
from deskq.brokers.routing import Route
from deskq.protocol.encoding.kombu_envelope import JSON
from deskq.protocol.message import RawMessage
from deskq.views.widgets import theme


class SendPreview(QTabWidget):
    """A tab for each; ``texts`` by title."""

    def __init__(self) -> None:
        super().__init__()
        self.texts = {title: _text() for title in ("Message", "Python", "celery call")}
        for title, pane in self.texts.items():
            self.addTab(pane, title)

    @property
    def current_text(self) -> str:
        """What the tab in front shows."""
        return list(self.texts.values())[self.currentIndex()].toPlainText()

    def show_nothing(self) -> None:
        """Empty the tabs: nothing can be sent."""
        for pane in self.texts.values():
            pane.clear()

    def show_call(self, call: Call, message: RawMessage, route: Route | None) -> None:
        """Fill the tabs."""
        shown: dict[str, Any] = {"headers": dict(message.headers), "properties": dict(message.properties)}
        if route is not None:
            shown = {"exchange": route.exchange, "routing_key": route.routing_key, **shown}
        command, missing = as_command(call)
        left_out = f"\n# celery call has no option for {', '.join(missing)}" if missing else ""
        for title, text in (
            ("Message", json.dumps({**shown, "body": _body_of(message)}, ensure_ascii=False, indent=2)),
            ("Python", as_python(call)),
            ("celery call", f"{command}{left_out}"),
        ):
            self.texts[title].setPlainText(formats.plain_lines(text))


def _body_of(message: RawMessage) -> Any:
    """The body as it can be shown."""
    if message.content_type == JSON:
        return json.loads(message.body)
    if message.content_encoding == "utf-8":
        return message.body.decode("utf-8", "replace")
    return f"{len(message.body):,} bytes of {message.content_type}"


def _text() -> QPlainTextEdit:
    pane = QPlainTextEdit()
    pane.setReadOnly(True)
    pane.setPlaceholderText("Nothing can be sent yet.")
    pane.setFont(theme.mono_font())
    return pane
