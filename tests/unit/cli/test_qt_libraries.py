"""What the system lacks for a window is one sentence, with the package's name; Qt itself would end the process."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from deskq import paths
from deskq.cli.qt_libraries import package_of, why_no_window

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="libraries of Linux")
_ROOT = Path(__file__).resolve().parents[3]


@pytest.mark.parametrize(
    ("library", "package"),
    [
        ("libEGL.so.1", "libegl1"),
        ("libxcb-cursor.so.0", "libxcb-cursor0"),
        ("libxcb-icccm.so.4", "libxcb-icccm4"),
        ("libxkbcommon-x11.so.0", "libxkbcommon-x11-0"),
        ("libX11-xcb.so.1", "libx11-xcb1"),
        ("libdbus-1.so.3", "libdbus-1-3"),
        ("libglib-2.0.so.0", "libglib2.0-0"),
    ],
)
def test_the_package_of_a_library(library: str, package: str) -> None:
    assert package_of(library) == package


@pytest.mark.parametrize(
    ("environment", "says"),
    [
        ({"QT_QPA_PLATFORM": "offscreen"}, ""),
        ({"QT_QPA_PLATFORM": "vnc:port=1"}, ""),
        ({}, "There is no display for a window"),
    ],
)
def test_a_display_is_needed_where_windows_are_shown(environment: dict[str, str], says: str) -> None:
    told = why_no_window(environment)
    assert told.startswith(says)
    assert bool(told) == bool(says)


def without(library: str, folder: Path) -> str:
    """Make a PySide6 in a folder, which is found first: its Qt needs, in place of a library, one that nobody has."""
    spec = find_spec("PySide6")
    assert spec is not None
    assert spec.submodule_search_locations is not None
    real, own = Path(next(iter(spec.submodule_search_locations))) / "Qt", folder / "PySide6" / "Qt"
    (own / "lib").mkdir(parents=True)
    (own / "plugins" / "platforms").mkdir(parents=True)
    (folder / "PySide6" / "__init__.py").touch()
    for path in (real / "lib").glob("*.so*"):
        (own / "lib" / path.name).symlink_to(path)
    shutil.copy(real / "plugins/platforms/libqxcb.so", own / "plugins/platforms/libqxcb.so")
    needing = own / "lib" / "libQt6XcbQpa.so.6"
    needing.unlink()
    absent = library.replace("xcb", "xyz")
    written = (real / "lib" / needing.name).read_bytes()
    assert library.encode() in written
    needing.write_bytes(written.replace(library.encode(), absent.encode()))
    return absent


def start(display: str, *before: Path) -> subprocess.CompletedProcess[str]:
    environment = {
        **os.environ,
        "QT_QPA_PLATFORM": "xcb",
        "DISPLAY": display,
        "PYTHONPATH": os.pathsep.join(map(str, (*before, _ROOT))),
    }
    return subprocess.run(
        [sys.executable, "-P", "-m", "deskq"],
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def nothing_is_reported() -> bool:
    return not list((paths.log_dir() / "crashes").glob("*"))


def test_a_missing_library_is_named_with_its_package(tmp_path: Path) -> None:
    absent = without("libxcb-cursor.so.0", tmp_path)
    refused = start(":0", tmp_path)
    assert refused.returncode == 2
    assert refused.stderr == (
        f"deskq: The window needs {absent}, which this system does not have. On Debian and Ubuntu: apt install "
        f"libxyz-cursor0. Elsewhere, install the package that has {absent}.\n"
    )
    assert nothing_is_reported()


def test_a_display_that_is_not_there_is_no_crash() -> None:
    refused = start("127.0.0.1:6999")
    assert refused.returncode == 2
    assert refused.stderr == (
        "deskq: The display 127.0.0.1:6999 cannot be reached. Is it running, and may you use it?\n"
    )
    assert nothing_is_reported()
