"""The folder in which a test run keeps all that it writes: it goes with the run, however that ends."""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from tests.support.processes import remove_at_the_end

shared_folders: set[Path] = set()
"""What whole sessions share, such as a server's: not left behind by the test that happened to start it."""
_of_tests: list[Path] = []
_RUN = "DESKQ_TESTS_RUN"


def begin() -> Path:
    """Make the folder, in which this process and all that it starts keep their temporary files from now on.

    The processes of pytest-xdist have folders of their own in that of the one that started them. Sockets are in them:
    the names are short.
    """
    folder = Path(tempfile.mkdtemp(prefix="dq"))
    remove_at_the_end(folder)
    folder.chmod(0o711)  # databases run as somebody else
    os.environ["TMPDIR"] = tempfile.tempdir = str(folder)
    if "PYTEST_XDIST_WORKER" not in os.environ or not Path(os.environ.get(_RUN, "")).is_dir():
        os.environ[_RUN] = str(folder)
    return folder


def folder_of_run() -> Path:
    """The folder that the processes of pytest-xdist have in common; of a run without them, its folder."""
    return Path(os.environ[_RUN])


def folder_of_test(prefix: str) -> Path:
    """A new folder that is there until the test ends, whatever becomes of what writes into it."""
    folder = Path(tempfile.mkdtemp(prefix=prefix))
    _of_tests.append(folder)
    return folder


@contextlib.contextmanager
def removed_after_test() -> Iterator[None]:
    """Removes the folders that the test in the block asked for."""
    before = len(_of_tests)
    yield
    while len(_of_tests) > before:
        shutil.rmtree(_of_tests.pop())


def temporary_files() -> set[Path]:
    """What lies in the folder of this process and belongs to the test that runs."""
    names = Path(tempfile.gettempdir()).iterdir()
    return {path for path in names if not path.name.startswith("pytest-of-")} - shared_folders
