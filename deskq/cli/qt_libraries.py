"""What of the system Qt needs for a window on Linux: without it Qt ends the process where nobody can say why."""

from __future__ import annotations

import ctypes
import re
import sys
from collections.abc import Iterable, Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Final

_MISSING: Final = re.compile(r"^(lib[^/:\s]+\.so[.\d]*): cannot open shared object file")
_OTHER_PACKAGES: Final = {"libglib-2.0.so.0": "libglib2.0-0", "libgthread-2.0.so.0": "libglib2.0-0"}
_LIBRARIES: Final = ("libQt6Gui.so.6", "libQt6Widgets.so.6", "libQt6Network.so.6")
_PLUGINS: Final = {"xcb": "libqxcb.so", "wayland": "libqwayland*.so", "offscreen": "libqoffscreen.so"}


def why_no_window(environment: Mapping[str, str]) -> str:
    """Return "" if a window can be opened, else a sentence for people. Loads what Qt is about to load."""
    if not sys.platform.startswith("linux"):
        return ""
    folder = _qt_folder()
    if folder is None:
        return ""
    if missing := _first_missing(folder / "lib" / name for name in _LIBRARIES):
        return _sentence(missing)
    asked = environment.get("QT_QPA_PLATFORM", "")
    platforms = [name.partition(":")[0] for name in asked.split(";")] if asked else _platforms(environment)
    if not platforms:
        return (
            "There is no display for a window: neither DISPLAY nor WAYLAND_DISPLAY is set. "
            "On a server, use the commands for terminals: deskq --help"
        )
    reasons = [_why_not(folder, name, environment) for name in platforms]
    return "" if "" in reasons else reasons[-1]


def package_of(library: str) -> str:
    """Return the package of Debian and its like that has a library: libxcb-cursor.so.0 -> libxcb-cursor0."""
    name, _, version = library.partition(".so.")
    dash = "-" if name[-1:].isdigit() else ""
    return _OTHER_PACKAGES.get(library, f"{name}{dash}{version}".lower())


def _platforms(environment: Mapping[str, str]) -> list[str]:
    """What Qt tries, in its order."""
    names = (("WAYLAND_DISPLAY", "wayland"), ("DISPLAY", "xcb"))
    return [platform for variable, platform in names if environment.get(variable)]


def _why_not(folder: Path, platform: str, environment: Mapping[str, str]) -> str:
    if platform not in _PLUGINS:
        return ""  # Qt knows more of them than deskq
    plugins = sorted((folder / "plugins" / "platforms").glob(_PLUGINS[platform]))
    if missing := _first_missing(plugins):
        return _sentence(missing)
    if platform == "xcb" and not _display_answers():
        shown = environment.get("DISPLAY", "")
        return f"The display {shown or 'of DISPLAY'} cannot be reached. Is it running, and may you use it?"
    return ""


def _display_answers() -> bool:
    xcb = ctypes.CDLL("libxcb.so.1")
    xcb.xcb_connect.restype = ctypes.c_void_p
    xcb.xcb_connection_has_error.argtypes = xcb.xcb_disconnect.argtypes = [ctypes.c_void_p]
    connection = xcb.xcb_connect(None, None)
    broken = xcb.xcb_connection_has_error(connection)
    xcb.xcb_disconnect(connection)
    return not broken


def _first_missing(libraries: Iterable[Path]) -> str:
    """Return the name of the first library that these need and the system lacks, "" if there is none."""
    for library in libraries:
        if library.exists():
            try:
                ctypes.CDLL(str(library))
            except OSError as error:
                if found := _MISSING.match(str(error)):
                    return found[1]
    return ""


def _sentence(library: str) -> str:
    return (
        f"The window needs {library}, which this system does not have. On Debian and Ubuntu: apt install "
        f"{package_of(library)}. Elsewhere, install the package that has {library}."
    )


def _qt_folder() -> Path | None:
    """Where PySide6 keeps Qt; None where it is not in a folder of its own, as with packages of a distribution."""
    spec = find_spec("PySide6")
    places = list(spec.submodule_search_locations or ()) if spec is not None else []
    folder = Path(places[0]) / "Qt" if places else None
    return folder if folder is not None and folder.is_dir() else None
