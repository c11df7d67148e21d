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


@pytest.mark.parametrize(
    ("verb", "given", "on_the_line", "in_the_form"),
    [
        (
            "rate-limit",
            {},
            "rate-limit needs the task. Add task_name=…, such as task_name=mail.send.",
            "Fill in “Task”, such as mail.send.",
        ),
        (
            "rate-limit",
            {"task_name": "t"},
            "rate-limit needs the rate. Add rate_limit=…, such as rate_limit=10/m.",
            "Fill in “Rate”, such as 10/m.",
        ),
        (
            "pool-grow",
            {"n": "x"},
            "n must be a whole number from 0 to 100,000, not “x”.",
            "“Processes or threads” must be a whole number from 0 to 100,000, not “x”.",
        ),
        ("autoscale", {"max": "1", "min": "2"}, "min is more than max.", "“At least” is more than “At most”."),
        (
            "time-limit",
            {"task_name": "t"},
            "Add soft=30, hard=60 or both. What is left out becomes no limit.",
            "Fill in the soft limit, the hard limit or both. What is left out becomes no limit.",
        ),
    ],
)
def test_what_is_missing_is_named_as_it_is_written(
    verb: str, given: dict[str, str], on_the_line: str, in_the_form: str
) -> None:
    for words, in_form in ((on_the_line, False), (in_the_form, True)):
        with pytest.raises(UserError) as error:
            read_arguments(VERBS[verb], given, in_form=in_form)
        assert str(error.value) == words


def test_every_argument_that_must_be_given_has_an_example() -> None:
    for verb in VERBS.values():
        given = {one.key: one.example for one in verb.parameters if one.default is None}
        assert "" not in given.values()
        if verb.name != "time-limit":
            read_arguments(verb, given)
