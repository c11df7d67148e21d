"""A history that cannot be read for a moment is no crash: it is said, and read again later."""

from __future__ import annotations

from pathlib import Path

import apsw
import pytest

from deskq.errors import UserError
from deskq.history.writing.database import HistoryDamaged, to_user_error


@pytest.mark.parametrize("error", [apsw.BusyError("database is locked"), apsw.IOError("disk I/O error")])
def test_what_passes_is_told(error: apsw.Error) -> None:
    found = to_user_error(Path("h.sqlite"), error)
    assert isinstance(found, UserError)
    assert not isinstance(found, HistoryDamaged)
    assert "at the moment" in str(found)


def test_the_rest_is_as_it_was() -> None:
    mistake = apsw.SQLError('near "SELEC": syntax error')
    assert to_user_error(Path("h.sqlite"), mistake) is mistake
    assert isinstance(to_user_error(Path("h.sqlite"), apsw.CorruptError("malformed")), HistoryDamaged)
