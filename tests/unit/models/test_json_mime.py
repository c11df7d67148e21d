"""What travels by drag and drop comes back as it was; what others drag is not ours."""

from __future__ import annotations

import json
from typing import Any

import pytest
from PySide6.QtCore import QMimeData

from deskq.models.json_mime import json_in, json_mime
from deskq.models.tasks.mime import MIME, tasks_in

KIND = "application/x-deskq-test"


@pytest.mark.parametrize("value", [[], ["a", 7], {"profile": "grüße", "tasks": [None]}, "x" * 100_000])
def test_a_value_travels_with_a_text_for_others(value: Any) -> None:
    data = json_mime(KIND, value, "a\nb")
    assert json_in(data, KIND) == value
    assert data.text() == "a\nb"
    assert json_in(data, "application/x-another") is None


@pytest.mark.parametrize("raw", [b"", b"{", b"\xff", b"[" * 100_000, b" " * (64 * 1024 * 1024 + 1)])
def test_what_is_no_json_is_nothing(raw: bytes) -> None:
    data = QMimeData()
    data.setData(KIND, raw)
    assert json_in(data, KIND) is None


@pytest.mark.parametrize("value", [None, [], "x", {"profile": "p"}, {"tasks": []}, {"profile": 1, "tasks": []}])
def test_values_of_another_shape_are_no_tasks(value: Any) -> None:
    data = QMimeData()
    data.setData(MIME, json.dumps(value).encode())
    assert tasks_in(data) is None
