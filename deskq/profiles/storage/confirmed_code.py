"""Which stores that run code a person has confirmed on this machine: none runs because a file of profiles names it."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from deskq import paths
from deskq.files.private_files import exclusive, write_private

_WHAT: Final = "The confirmed stores"
_CODE: Final = "code:"


def runs_code(store: str) -> bool:
    """Does reading this store import a project?"""
    return store.startswith(_CODE)


def is_confirmed(store: str) -> bool:
    """Was this very store, with its folder and its Python, confirmed here?"""
    return store in _confirmed(_path())


def confirm(stores: Iterable[str]) -> None:
    """Remember that a person means those of the stores that run code. Blocking; raises UserError."""
    path, new = _path(), {store for store in stores if runs_code(store)}
    if new - _confirmed(path):
        with exclusive(path, _WHAT):
            write_private(path, json.dumps(sorted(_confirmed(path) | new), indent=1), _WHAT)


def _path() -> Path:
    return paths.state_dir() / "confirmed-code.json"


def _confirmed(path: Path) -> set[str]:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return set()
    return {store for store in found if isinstance(store, str)} if isinstance(found, list) else set()
