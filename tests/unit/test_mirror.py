"""Each module has a test file of its name, but for those of a list that only gets shorter."""

from __future__ import annotations

from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
LIST = Path(__file__).with_name("modules_without_a_test.txt")


def without_a_test() -> set[str]:
    """Modules that no file ``test_<module>.py`` is named after; tests of brokers and of the window count, too."""
    tested = {path.stem.removeprefix("test_") for path in (ROOT / "tests").rglob("test_*.py")}
    modules = (path for path in (ROOT / "deskq").rglob("*.py") if path.name not in ("__init__.py", "__main__.py"))
    return {path.relative_to(ROOT).as_posix() for path in modules if path.stem not in tested}


def test_a_new_module_has_a_test_of_its_name() -> None:
    """If it is tested by others alone, say so by adding it to the list: a reviewer sees it there."""
    assert sorted(without_a_test() - set(LIST.read_text().split())) == []


def test_the_list_names_no_module_that_has_one() -> None:
    assert sorted(set(LIST.read_text().split()) - without_a_test()) == []
