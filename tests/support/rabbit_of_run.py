"""One RabbitMQ for all processes of a test run: to start one takes a processor five seconds."""

from __future__ import annotations

import fcntl
import pickle

from tests.support.servers import RabbitServer
from tests.support.temporary import folder_of_run


def rabbit_of_run() -> RabbitServer:
    """The running server, started by the process that needs it first; it ends with the run. Raises ServerMissing."""
    folder = folder_of_run()
    told = folder / "rabbit"
    with (folder / "rabbit.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not told.exists():
            server = RabbitServer(shared=True, within=folder).start()
            server.leave_to(folder)
            told.write_bytes(pickle.dumps(server))
    started: RabbitServer = pickle.loads(told.read_bytes())  # noqa: S301 - a process of this run wrote it
    return started
