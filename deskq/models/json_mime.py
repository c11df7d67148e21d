"""Values as they are dragged and dropped, or lie on the clipboard: JSON of a kind of ours, with text for others."""

from __future__ import annotations

import json
from typing import Any, Final

from PySide6.QtCore import QMimeData, QStringListModel

_MOST_BYTES: Final = 64 * 1024 * 1024


def json_mime(kind: str, value: object, text: str) -> QMimeData:
    """Return a value as it travels; ``text``: for every other program.

    Qt destroys what lies on the clipboard after Python has ended. What Python made would then call into Python, and
    crash: so Qt makes it.
    """
    model = QStringListModel([""])
    found = model.mimeData([model.index(0)])
    found.clear()
    found.setData(kind, json.dumps(value).encode())
    found.setText(text)
    return found


def json_in(data: QMimeData, kind: str) -> Any:
    """Return the value that is dragged, None if it is something else; it may come from anybody."""
    raw = bytes(data.data(kind).data())
    if not raw or len(raw) > _MOST_BYTES:
        return None
    try:
        return json.loads(raw)
    except (ValueError, RecursionError):
        return None
