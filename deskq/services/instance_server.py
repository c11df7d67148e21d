"""The listening side of deskq/instance.py: a running window hears of later starts."""

from __future__ import annotations

from functools import partial

from PySide6.QtCore import QObject, Signal
from PySide6.QtNetwork import QLocalServer, QLocalSocket

from deskq import instance
from deskq.errors import UserError


class InstanceServer(QObject):
    """``opened`` (profiles, activation token): another start was made and has ended."""

    opened = Signal(list, str)

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._server = QLocalServer(self)
        self._server.setSocketOptions(QLocalServer.SocketOption.UserAccessOption)
        self._server.newConnection.connect(self._accept)

    def listen(self) -> bool:
        """Begin to listen; False where that cannot be: then a second start opens a second window."""
        path = instance.socket_path()
        if path is None:
            return False
        name = str(path)
        if not self._server.listen(name):  # what a killed window left; one that lives answered hand_over before
            QLocalServer.removeServer(name)
            return self._server.listen(name)
        return True

    def close(self) -> None:
        """Stop listening; the socket is removed."""
        self._server.close()

    def _accept(self) -> None:
        while (link := self._server.nextPendingConnection()) is not None:
            link.setReadBufferSize(instance.MOST_BYTES)
            link.readyRead.connect(partial(self._read, link))
            link.disconnected.connect(link.deleteLater)

    def _read(self, link: QLocalSocket) -> None:
        if not link.canReadLine():
            if link.bytesAvailable() >= instance.MOST_BYTES:
                link.abort()
            return
        line = bytes(link.readLine().data())
        try:
            profiles, activation = instance.decode(line)
        except UserError:
            link.abort()
            return
        link.write(b"ok\n")
        link.flush()
        link.disconnectFromServer()
        self.opened.emit(profiles, activation)
