"""The layers that import-linter keeps are whole, and the core loads neither Qt nor, for the version, Celery."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "deskq"


def names(kind: str) -> set[str]:
    """Modules and packages directly under deskq/."""
    found = {path.stem for path in PACKAGE.glob("*.py")} if kind == "modules" else set()
    found |= {path.parent.name for path in PACKAGE.glob("*/__init__.py")}
    return found - {"__init__"}


def test_every_module_has_a_layer() -> None:
    contract = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"][0]
    placed = {name for layer in contract["layers"] for name in re.findall(r"\w+", layer)}
    assert names("modules") - placed == set()
    assert contract["exhaustive"] is True


def test_no_folder_escapes_the_layers() -> None:
    """A folder without __init__.py would be invisible to import-linter."""
    folders = {path.parent for path in PACKAGE.rglob("*.py")}
    assert [str(folder) for folder in folders if not (folder / "__init__.py").exists()] == []


@pytest.mark.parametrize("package", [*sorted(names("packages") - {"views", "models", "services"}), "errors", "paths"])
def test_the_core_loads_without_qt(package: str) -> None:
    program = (
        "import importlib, pkgutil, sys\n"
        f"module = importlib.import_module('deskq.{package}')\n"
        "for found in pkgutil.walk_packages(getattr(module, '__path__', []), module.__name__ + '.'):\n"
        "    importlib.import_module(found.name)\n"
        "print(*sorted({name.partition('.')[0] for name in sys.modules} & {'PySide6', 'qasync'}))\n"
    )
    ran = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=False, timeout=240
    )
    assert (ran.stdout.strip(), ran.returncode) == ("", 0), ran.stderr


def test_folders_stay_small() -> None:
    """A folder with more than 15 modules holds two subjects."""
    folders = [path.parent for path in PACKAGE.rglob("*.py") if path.name != "__init__.py"]
    assert {folder.relative_to(ROOT).as_posix() for folder in folders if folders.count(folder) > 15} == set()


def test_files_stay_short() -> None:
    """Aim at 80 to 250 lines; 400 is where it stops."""
    long = {
        str(path.relative_to(ROOT)): count
        for path in PACKAGE.rglob("*.py")
        if (count := len(path.read_text().splitlines())) > 400
    }
    assert long == {}
