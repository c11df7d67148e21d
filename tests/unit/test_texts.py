"""What deskq says is modern English: CONTRIBUTING.md has the rules, this test those that a pattern can tell."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

_PACKAGE = Path(__file__).parents[2] / "deskq"
_BANNED = {
    r"\banew\b": "again",
    r"(?<![Tt]here )\bis no (?!longer\b|more than\b)": "is not a",
    r"\bnot known\b": "unknown",
    r"\ball the same\b": "anyway, still",
    r"\bjust now\b": "now, at the moment",
    r"\bmeanwhile\b": "since, while",
    r"\bfor ever\b": "forever",
    r"\bby hand\b": "yourself, manual",
    r"\bso many\b": "the number of",
    r"\bwho asks\b": "the user",
    r"\bas well\b.*\bas well\b": "both … and",
    r"\blast words\b": "last output",
    r"\b[Mm]end\b": "fix",
    r"\btaken? back\b": "undo",
    r"\bsteer": "control",
    r"[a-z] …$": "… without a space before it",
}


def _texts(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Yield the string literals and their lines, without docstrings; a placeholder is {}."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            continue
        if isinstance(node, ast.JoinedStr):
            parts = (part.value if isinstance(part, ast.Constant) else "{}" for part in node.values)
            yield node.lineno, "".join(str(part) for part in parts)
            for part in node.values:
                if isinstance(part, ast.FormattedValue):
                    yield from _texts(part)
        elif isinstance(node, ast.Constant):
            if isinstance(node.value, str):
                yield node.lineno, node.value
        else:
            yield from _texts(node)


@pytest.fixture(scope="module")
def texts() -> list[tuple[str, str]]:
    found = []
    for path in sorted(_PACKAGE.rglob("*.py")):
        tree = ast.parse(path.read_text("utf-8"))
        found += [(f"{path.relative_to(_PACKAGE)}:{line}", text) for line, text in _texts(tree)]
    assert len(found) > 5_000
    return found


@pytest.mark.parametrize("pattern", _BANNED)
def test_no_text_says_it_so(texts: list[tuple[str, str]], pattern: str) -> None:
    wrong = [f"{place} {text}" for place, text in texts if re.search(pattern, text)]
    assert not wrong, f"say: {_BANNED[pattern]}"


def test_what_is_a_text() -> None:
    source = '"doc"\nA = "a"\n"""of A"""\ndef f():\n    "doc"\n    return f"b {A} {c(\'d\')}"'
    assert list(_texts(ast.parse(source))) == [(2, "a"), (6, "b {} {}"), (6, "d")]
