"""The fast reader of redbeat's JSON agrees with the one that beat itself uses."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deskq.schedules.stores.redbeat.entries import entry_of
from deskq.schedules.stores.redbeat.entry_json import decoded

_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(), max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(st.characters(), max_size=8), inner),
    max_leaves=6,
)
HOSTILE = (
    *(
        "",
        " ",
        "{",
        '{"a": 1,}',
        "[1] 2",
        "\ufeff{}",
        "NaN",
        "[-Infinity]",
        "01",
        "-0",
        "-0.0",
        "1e400",
        "1E5",
        "5e-324",
    ),
    *(f"[{2**63}]", f"[{2**64}]", f"[-{2**64}]", "1" * 400, "1" * 5_000, "0." + "1" * 400, "1.0000000000000000001"),
    *('{"a": 1, "a": 2}', '"\\ud800"', '"\\ud83d\\ude00"', '"\\udcff\\ud800"', '"\udcff"', '"\t"', '"\\u0000"'),
    *("[" * 10_000 + "]" * 10_000, '{"a":' * 10_000 + "1" + "}" * 10_000),
)


def _outcome(read: Callable[[str], Any], text: str) -> tuple[str, str]:
    """What a reader makes of it; by ``repr``, which tells 1 from 1.0, True and -0.0, and has NaN equal itself."""
    try:
        return "value", repr(read(text))
    except (ValueError, RecursionError):
        return "refused", ""


@settings(max_examples=200)
@given(_VALUES, st.booleans())
def test_what_json_writes_is_read_alike(value: Any, ascii_only: bool) -> None:
    text = json.dumps(value, ensure_ascii=ascii_only)
    assert _outcome(decoded, text) == _outcome(json.loads, text)


@settings(max_examples=200)
@given(st.text(st.sampled_from('[]{}:,"\\u0d8e+-.1 tn\udcff'), max_size=12))
def test_what_nobody_writes_is_read_alike(text: str) -> None:
    assert _outcome(decoded, text) == _outcome(json.loads, text)


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
def test_hostile_json_is_read_alike_and_shown_in_place(text: str) -> None:
    assert _outcome(decoded, text) == _outcome(json.loads, text)
    stored = text.encode("utf-8", "surrogateescape")
    entry = entry_of("redbeat:a", "redbeat:", stored, stored, due_at=None, zone="UTC")
    assert entry.name == "a"
    assert entry.problem
    assert entry.version == text


def test_an_interval_that_no_float_can_hold_is_shown_in_place() -> None:
    schedule = {"__type__": "interval", "every": 10**400, "relative": False}
    stored = json.dumps({"name": "a", "task": "t", "enabled": True, "schedule": schedule}).encode()
    entry = entry_of("redbeat:a", "redbeat:", stored, b"{}", due_at=None, zone="UTC")
    assert "“every” is not a number of seconds" in entry.problem
