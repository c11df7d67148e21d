"""The status bar: what the recorder does, how far behind it is, what was missed."""

from __future__ import annotations

from PySide6.QtCore import QEvent, QObject, Qt, Signal
from PySide6.QtGui import QMouseEvent
from PySide6.QtWidgets import QStatusBar, QWidget

from deskq import formats
from deskq.services.session import ProfileSession
from deskq.views.widgets import theme
from deskq.views.widgets.empty_pane import LineLabel, plain_label
from deskq.views.widgets.tables import StateDot


class RecorderBar(QStatusBar):
    """Shows one session at the left, and how many brokers there are at the right."""

    clicked = Signal()
    """The session's text was clicked."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setSizeGripEnabled(False)
        self._dot = StateDot(20, 8)
        self.text = LineLabel(rest=True)
        self.text.setCursor(Qt.CursorShape.PointingHandCursor)
        self.text.installEventFilter(self)
        self.brokers = plain_label(muted=True)
        self.brokers.setContentsMargins(0, 0, theme.GAP, 0)
        self.addWidget(self._dot)
        self.addWidget(self.text, 1)
        self.addPermanentWidget(self.brokers)

    def show_session(self, session: ProfileSession | None, brokers: int) -> None:
        """Write what the recorder last said."""
        self.brokers.setText(formats.count(brokers, "broker") if brokers else "")  # they may be still to be read
        if session is None:
            self._dot.show_state("")
            self.text.setText("")
            return
        state, text, tip = describe(session)
        self._dot.show_state(state)
        self.text.setText(text)
        self.text.setToolTip(formats.tooltip(f"{tip}\nClick for gaps and malformed deliveries." if tip else ""))

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if (
            event.type() == QEvent.Type.MouseButtonRelease
            and isinstance(event, QMouseEvent)
            and event.button() == Qt.MouseButton.LeftButton
            and not self.text.hasSelectedText()  # somebody marks it, to copy it
        ):
            self.clicked.emit()
        return super().eventFilter(watched, event)


def describe(session: ProfileSession) -> tuple[str, str, str]:
    """Return state, text and tooltip of a session."""
    status = session.status
    if not session.connected:
        return "stopped", "not connected", ""
    if status is None:
        return "connecting", session.problem or "starting the recorder…", ""
    if session.problem:
        return "disconnected", f"{session.problem} (since {formats.clock_time(status.since)})", session.problem
    if status.state == "stopped" and not session.profile.has_broker:
        return "stopped", f"history as of {formats.clock_time(status.updated)}; no recorder is running", ""
    if status.state == "stopped":
        return "stopped", "no recorder is running", ""
    if status.state != "recording":
        return status.state, f"{status.state} {status.message}".strip(), status.message
    parts = ["recording"]
    if status.events_per_second is not None:
        parts.append(f"{formats.rate(status.events_per_second)} events/s")
    if session.screen_delay is not None:
        parts.append(f"{formats.duration(session.screen_delay)} to display")
    elif status.delay is not None:
        parts.append(f"{formats.duration(status.delay)} behind")
    parts.append(formats.count(status.gaps, "gap") if status.gaps else "no gaps")
    if status.malformed:
        parts.append(f"{status.malformed:,} malformed")
    if status.message:
        parts.append(status.message)
    tip = f"{status.message}\n" if status.message else ""
    tip += (
        f"{status.server}\n{formats.count(status.events, 'event')} since {formats.exact_time(status.since)}\n"
        f"{formats.count(status.duplicates, 'duplicate')}, {status.malformed:,} malformed\n"
        f"{formats.duration(status.delay)} from event to history\nrecorder process {status.pid}"
    )
    return "recording", " · ".join(parts), tip
