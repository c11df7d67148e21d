"""What counts as a number in what others wrote."""

from __future__ import annotations

import pytest

from deskq.protocol.numbers import is_number


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        *((0, True), (-1.5, True), (2**63, True), (10**400, False), (float("nan"), False), (float("inf"), False)),
        *((True, False), ("1", False), (None, False)),
    ],
)
def test_is_number(value: object, expected: bool) -> None:
    assert is_number(value) is expected
