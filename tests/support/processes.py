"""Child processes of the tests, none of which outlives the test run, however that ends."""

from __future__ import annotations

import atexit
import contextlib
import os
import random
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

# Once its standard input closes, that is when the test run is gone, it kills the process groups and removes the
# folders that it was told of; a file PID.group in such a folder tells of a group, too. After a run that was killed the
# processes of pytest-xdist and what they started end a little later, and write until then: the folders must stay away
# for a while.
_WATCHDOG = """
import glob, os, shutil, signal, sys, time
signal.signal(signal.SIGINT, signal.SIG_IGN)
groups, folders, away = set(), [], 50
for line in sys.stdin:
    if line[0] == "/":
        folders.append(line[:-1])
    elif line[0] == "=":
        away = 1
    else:
        (groups.add if line[0] == "+" else groups.discard)(int(line[1:]))
for folder in folders:
    groups |= {int(os.path.basename(path).split(".")[0]) for path in glob.glob(folder + "/*.group")}
for group in groups:
    try:
        os.killpg(group, signal.SIGKILL)
    except OSError:
        pass
seen = 0
for again in range(600):
    there = [folder for folder in folders if os.path.exists(folder)]
    seen = 0 if there else seen + 1
    if seen == away:
        break
    for folder in there:
        shutil.rmtree(folder, ignore_errors=True)
    time.sleep(0.05 if away == 1 else 0.2)
"""
_watchdog: subprocess.Popen[str] | None = None
_groups: set[int] = set()
_given: set[int] = set()
_chance = random.SystemRandom()  # not the one that tests seed
# What whole sessions share, such as a server: not a leak of the test that happened to start it.
shared_pids: set[int] = set()


def _tell_watchdog(word: str) -> None:
    global _watchdog
    if _watchdog is None:
        _watchdog = subprocess.Popen(
            [sys.executable, "-c", _WATCHDOG], stdin=subprocess.PIPE, text=True, start_new_session=True
        )
        shared_pids.add(_watchdog.pid)
        atexit.register(_end_all)
    assert _watchdog.stdin is not None
    _watchdog.stdin.write(word + "\n")
    _watchdog.stdin.flush()


def _end_all() -> None:
    global _watchdog
    for group in list(_groups):
        with contextlib.suppress(OSError):
            os.killpg(group, signal.SIGKILL)
    if _watchdog is not None and _watchdog.stdin is not None:
        _watchdog.stdin.write("=\n")
        _watchdog.stdin.close()
        _watchdog.wait(60)
        _watchdog = None


def remove_at_the_end(folder: Path) -> None:
    """Have a folder removed when the test run is gone, however that ends."""
    _tell_watchdog(str(folder))


def free_port() -> int:
    """A TCP port of 127.0.0.1 that was free a moment ago.

    From below those that systems give to outgoing connections, and by chance: somebody else who connects, or runs
    these tests at the same time, will hardly take it meanwhile.
    """
    while True:
        port = _chance.randrange(20_000, 32_000)
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            if port not in _given:
                _given.add(port)
                return port


class Process:
    """A child that leads a process group of its own and writes into a log file."""

    def __init__(
        self, args: Sequence[str | Path], *, log: Path, env: Mapping[str, str] | None = None, cwd: Path | None = None
    ) -> None:
        self.log_path = log
        with log.open("ab") as output:
            self._popen = subprocess.Popen(
                [str(arg) for arg in args],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env=dict(env) if env is not None else None,
                cwd=cwd,
                start_new_session=True,
            )
        self.pid = self._popen.pid
        _groups.add(self.pid)
        _tell_watchdog(f"+{self.pid}")

    def log(self) -> str:
        """What it has written so far."""
        return self.log_path.read_text(errors="replace")

    @property
    def returncode(self) -> int | None:
        """None while it runs."""
        return self._popen.poll()

    def send(self, number: signal.Signals) -> None:
        """Sends a signal to the process alone; one that has ended is left in peace."""
        if self._popen.poll() is None:
            self._popen.send_signal(number)

    def send_group(self, number: signal.Signals) -> None:
        """Sends a signal to the process and to all that it started."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.pid, number)

    def wait(self, timeout: float) -> int:
        """The return code; subprocess.TimeoutExpired when it still runs after `timeout` seconds."""
        return self._popen.wait(timeout)

    def end(self, timeout: float = 15) -> int:
        """Asks with SIGTERM, insists with SIGKILL after `timeout` seconds, and leaves nothing of the group behind."""
        self.send_group(signal.SIGCONT)
        self.send(signal.SIGTERM)
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._popen.wait(timeout)
        return self.kill()

    def kill(self) -> int:
        """SIGKILL to the whole group, at once."""
        self.send_group(signal.SIGKILL)
        code = self._popen.wait(60)
        # What it started ends a little later, and is then reaped by somebody else.
        deadline = time.monotonic() + 60
        with contextlib.suppress(ProcessLookupError):
            while time.monotonic() < deadline:
                os.killpg(self.pid, 0)
                time.sleep(0.01)
        self._forget()
        return code

    def leave_to(self, folder: Path) -> None:
        """It outlives this process of the test run, and ends when the one ends that has the folder removed."""
        (folder / f"{self.pid}.group").touch()
        self._forget()
        self._popen.returncode = 0  # nobody here waits for it

    def _forget(self) -> None:
        _groups.discard(self.pid)
        _tell_watchdog(f"-{self.pid}")


def children(of: int | None = None) -> dict[int, str]:
    """The living direct children of a process (this one) and their command lines, on Linux; empty elsewhere."""
    found = {}
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            # pid (name) state ppid ...: the name may hold blanks and parentheses.
            state, parent = (entry / "stat").read_text().rpartition(")")[2].split()[:2]
            command = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace").strip()
        except OSError:
            continue
        if int(parent) == (of or os.getpid()) and state != "Z":
            found[int(entry.name)] = command
    return found
