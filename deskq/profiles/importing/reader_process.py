"""Runs the script that reads a project's settings, in a process of its own with a deadline."""

from __future__ import annotations

import contextlib
import json
import os
import re
import selectors
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final

from deskq import paths
from deskq.errors import UserError
from deskq.profiles.importing.reader_script import MARK

_SCRIPT: Final = Path(__file__).with_name("reader_script.py")
_MOST_ANSWER: Final = 1024 * 1024
_MOST_WORDS: Final = 64 * 1024
_LINES: Final = 8
_LOGIN: Final = re.compile(r"(://[^\s:/@\"']*):[^\s\"']*@")
_NAMED: Final = re.compile(r"(?i)((?:password|passwd|secret|token|api_?key)\w*[\"']?\s*[=:]\s*)\S+")


def read_settings(
    arguments: Sequence[str],
    *,
    what: str,
    folder: Path,
    python: Path | None,
    timeout: float,
    cancelled: Callable[[], bool] = lambda: False,
    script: Path = _SCRIPT,
) -> dict[str, Any]:
    """Return what the script says of a project. Blocking, at most ``timeout`` s; from any thread.

    ``cancelled`` is asked five times a second. ``script`` answers as import_child.py does.
    Raises UserError, whose details are the project's last words.
    """
    if not folder.is_dir():
        raise UserError(f"The folder {folder} does not exist.")
    program = interpreter(folder, python)
    environment = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1", "PYTHONIOENCODING": "utf-8"}
    environment["PYTHONSAFEPATH"] = "1"  # as -P, which Pythons before 3.11 refuse; the script adds the project's folder
    if getattr(sys, "frozen", False):  # the libraries of the packaged program are not those of the project's Python
        environment.pop("LD_LIBRARY_PATH", None)
        if before := environment.pop("LD_LIBRARY_PATH_ORIG", None):
            environment["LD_LIBRARY_PATH"] = before
    try:
        process = subprocess.Popen(
            [program, str(script), *arguments],
            cwd=folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )
    except OSError as error:
        raise UserError(f"{program} cannot be started: {error.strerror}.") from None
    try:
        answer, words, in_time = _listen(process, time.monotonic() + timeout, cancelled)
    finally:
        _end(process)
    said = last_words(words)
    if cancelled():
        raise UserError(f"Reading “{what}” was cancelled.", said)
    if not in_time:
        raise UserError(f"Importing “{what}” took more than {timeout:g} s in {folder}.", said)
    return _outcome(answer, what, program, said)


def last_words(words: str) -> str:
    """Return the last lines of what a process said, with dots for whatever looks like a password."""
    lines = [
        line.rstrip() for line in words.splitlines() if line.strip() and "<frozen " not in line and line.strip("~^ ")
    ]
    return scrubbed("\n".join(lines[-_LINES:]))


def scrubbed(text: str) -> str:
    """Return text with dots for passwords in URLs and for what follows a name like PASSWORD."""
    return _NAMED.sub(r"\1•••", _LOGIN.sub(r"\1:•••@", text))


def interpreter(folder: Path, python: Path | None) -> str:
    """Return the Python that was given; else the project's virtual environment's; else the one that runs deskq.

    A relative path is one from the project's folder, where it is started. Raises UserError where there is none.
    """
    if python is not None:
        path = paths.written(str(python))
        given = shutil.which(folder.absolute() / path if len(path.parts) > 1 else path)
        if given is None:
            raise UserError(f"Python not found at {python}.")
        return given
    folder = folder.absolute()
    environments = [folder / ".venv", folder / "venv"]
    if "VIRTUAL_ENV" in os.environ:
        environments.append(Path(os.environ["VIRTUAL_ENV"]))
    for environment in environments:
        if found := shutil.which(str(environment / "bin" / "python")):
            return found
    if not getattr(sys, "frozen", False):
        return sys.executable
    if found := shutil.which("python3"):
        return found
    raise UserError("No Python was found to read the project with. Choose the project's Python.")


def _listen(process: subprocess.Popen[bytes], deadline: float, cancelled: Callable[[], bool]) -> tuple[str, str, bool]:
    """Return the answer, the last of what else was said, and whether the process ended its answer in time.

    Both are read as they come, so that neither a full pipe nor a child of the project that keeps one open stops it.
    """
    assert process.stdout is not None
    assert process.stderr is not None
    answer, words = b"", b""
    with selectors.DefaultSelector() as selector:
        selector.register(process.stdout, selectors.EVENT_READ)
        selector.register(process.stderr, selectors.EVENT_READ)
        while (left := deadline - time.monotonic()) > 0 and not cancelled():
            for key, _ in selector.select(min(left, 0.2)):
                chunk = os.read(key.fd, 65_536)
                if key.fileobj is process.stderr:
                    words = (words + chunk)[-_MOST_WORDS:]
                    if not chunk:
                        selector.unregister(process.stderr)
                elif not chunk:
                    return _decoded(answer), _decoded(words + _rest(process)), True
                else:
                    answer = (answer + chunk)[-_MOST_ANSWER:]
    return _decoded(answer), _decoded(words + _rest(process)), False


def _rest(process: subprocess.Popen[bytes]) -> bytes:
    """What stands in the pipe of errors when nobody listens any more."""
    assert process.stderr is not None
    os.set_blocking(process.stderr.fileno(), False)
    rest = b""
    with contextlib.suppress(BlockingIOError):
        while len(rest) < _MOST_WORDS and (chunk := os.read(process.stderr.fileno(), 65_536)):
            rest += chunk
    return rest


def _end(process: subprocess.Popen[bytes]) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)  # with whatever the project started
    process.wait()
    for stream in (process.stdout, process.stderr):
        if stream is not None:
            stream.close()


def _decoded(text: bytes) -> str:
    return text.decode("utf-8", "replace")


def _outcome(answer: str, what: str, program: str, said: str) -> dict[str, Any]:
    marked = [line.removeprefix(MARK) for line in answer.splitlines() if line.startswith(MARK)]
    try:
        outcome = json.loads(marked[-1]) if marked else None
    except ValueError:
        outcome = None
    if not isinstance(outcome, dict):
        raise UserError(f"Python exited while importing “{what}”. {_last_line(said)}".strip(), said)
    if outcome.get("missing"):
        package = str(outcome["missing"]).capitalize()
        raise UserError(f"{program} lacks {package}. Choose the project's Python.", said)
    settings = outcome.get("settings")
    if not isinstance(settings, dict):
        reason = scrubbed(str(outcome.get("error", ""))).strip().splitlines()
        raise UserError(
            f"“{what}” cannot be imported: {(reason or ['no reason given'])[-1]}. Check its name, its folder and its "
            "Python.",
            said,
        )
    return settings


def _last_line(said: str) -> str:
    return f"Last output: {said.splitlines()[-1]}" if said else ""
