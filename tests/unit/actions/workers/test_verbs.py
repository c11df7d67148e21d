"""Arguments of control verbs, as people write them, and what is said of them."""

from __future__ import annotations

import pytest

from deskq.actions.workers.verbs import VERBS, described, read_arguments
from deskq.errors import UserError


@pytest.mark.parametrize("rate", ["0", "10", "10/s", "2.5/m", "100/h"])
def test_rates_as_celery_writes_them(rate: str) -> None:
    read = read_arguments(VERBS["rate-limit"], {"task_name": "mail.send", "rate_limit": rate})
    assert read == {"task_name": "mail.send", "rate_limit": rate}


@pytest.mark.parametrize("rate", ["inf", "nan", "-1", "1e5", "10/d", "10/", "/m", "many", "inf/m", "١٠"])
def test_what_is_no_rate_is_refused(rate: str) -> None:
    with pytest.raises(UserError, match="0 for no limit"):
        read_arguments(VERBS["rate-limit"], {"task_name": "mail.send", "rate_limit": rate})


@pytest.mark.parametrize(
    ("limits", "words"),
    [
        ({"soft": 5.0, "hard": 10.0}, "limits mail.send to 10 s, softly 5 s"),
        ({"soft": 1.5}, "limits mail.send to no limit, softly 1.5 s"),
        ({"soft": None, "hard": None}, "limits mail.send to no limit, softly no limit"),
    ],
)
def test_limits_in_words(limits: dict[str, float | None], words: str) -> None:
    assert described(VERBS["time-limit"], {"task_name": "mail.send", **limits}) == words
