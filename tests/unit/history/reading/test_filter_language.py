"""The filter language: what is a field, what is text, what is refused in words, and that SQL finds what it says."""

from __future__ import annotations

import operator
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from deskq.history.reading.filter_language import (
    FIELDS,
    FilterError,
    doubts_about_states,
    doubts_about_text,
    filter_text,
    parse,
    unparse,
)
from deskq.history.reading.reader import HistoryReader
from deskq.history.reading.task_filter import Bound, Moment, TaskFilter
from deskq.history.rows import TaskRow
from deskq.history.writing.writer import History
from deskq.protocol.events import Event
from deskq.protocol.task_states import STATES
from tests.unit.history.test_history import NOW, add_task, uuid_of


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", TaskFilter()),
        ("state:failure task:mail.*", TaskFilter(states=("FAILURE",), names=("mail.*",))),
        ("State:FAILURE name:a uuid:5b2c", TaskFilter(states=("FAILURE",), names=("a",), ids=("5b2c",))),
        (
            'queue:"my queue" worker:w1 worker:w2 boom',
            TaskFilter(queues=("my queue",), workers=("w1", "w2"), text="boom"),
        ),
        ("since:15m", TaskFilter(since=100.0)),
        ("args:x result:6", TaskFilter(args=("x",), results=("6",))),
        ("kwargs:'user' exception:ValueError", TaskFilter(kwargs=("'user'",), exceptions=("ValueError",))),
        ("runtime:>1 runtime:<=2m", TaskFilter(runtime=(Bound(">", 1.0), Bound("<=", 120.0)))),
        ("runtime:<200ms retries:2", TaskFilter(runtime=(Bound("<", 0.2),), retries=(Bound("=", 2.0),))),
        ('raised:ValueError task:"" raised:""', TaskFilter(names=("",), kinds=("ValueError", ""))),
        ("ended:>=1970-01-01T00:16:40+00:00", TaskFilter(ended=(Moment(">=", 1_000.0),))),
        ("root:5b2c parent:x", TaskFilter(roots=("5b2c",), parents=("x",))),
        # What is text.
        ("http://x 12:30 {'a':1} celery@w1:5672", TaskFilter(text="http://x 12:30 {'a':1} celery@w1:5672")),
        ("task not found", TaskFilter(text="task not found")),
        ("(1, 2) -5 a&b", TaskFilter(text="(1, 2) -5 a&b")),
        ('"args:x" "NOT" "two words"', TaskFilter(phrases=("args:x", "NOT", "two words"))),
        (r'"a \"quoted\" word" x="1"', TaskFilter(phrases=('a "quoted" word',), text='x="1"')),
        ('task:"//odd"', TaskFilter(names=("//odd",))),
    ],
)
def test_what_is_understood(text: str, expected: TaskFilter) -> None:
    assert parse(text, now=1_000.0) == expected


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (
            "color:red",
            ["“color:” is not a filter field", "state, task, queue, worker", "runtime", "since", '"color:red"'],
        ),
        ("localhost:6379", ["“localhost:”", 'write "localhost:6379"']),
        ("größe:5", ["“größe:” is not a filter field"]),
        ("staet:FAILURE", ["Did you mean state:?"]),
        ("NOT state:SUCCESS", ["“NOT”", "no AND, OR, NOT", '"NOT"']),
        ("not state:SUCCESS", ["“not”"]),
        ("A OR B", ["“OR”", "alternatives"]),
        ("a AND b", ["“AND”"]),
        ("a && b", ["“&&”"]),
        ("( state:FAILURE )", ["“(”", "brackets"]),
        ("-state:SUCCESS", ["“-state:SUCCESS”", "cannot exclude", 'write "-state:SUCCESS"']),
        ("state!=SUCCESS", ["cannot exclude"]),
        ("(state:FAILURE", ["brackets"]),
        ("runtime>1", ["write runtime:>1"]),
        ("task=mail.send", ["write task:mail.send"]),
        ("state:FALURE", ["“FALURE” is not a state", "Did you mean FAILURE?"]),
        ("state:FAILURE,RETRY", ["write state:FAILURE state:RETRY"]),
        ("since:yesterday", ["“yesterday” is not a time span", "90s, 15m, 6h or 7d"]),
        ("runtime:5", ["“runtime:5”", "runtime:>1"]),
        ("runtime:>fast", ["“runtime:>fast”", "runtime:<200ms"]),
        ("retries:>1.5", ["not a count", "retries:>0"]),
        ('"a"b', ["space after the closing quotation mark"]),
    ],
)
def test_what_is_not_understood_is_said(text: str, says: list[str]) -> None:
    with pytest.raises(FilterError) as error:
        parse(text)
    for words in says:
        assert words in str(error.value)
    assert not error.value.incomplete or "," in text


@pytest.mark.parametrize(
    "text",
    [
        "state:",
        "state:FAIL",
        "runtime:",
        "runtime:>",
        "since:1",
        "ended:>2026-1",
        "ended:15m",
        'state:""',
        'task:"a b',
        '"abc',
        "id:5b",
    ],
)
def test_what_may_be_completed(text: str) -> None:
    with pytest.raises(FilterError) as error:
        parse(text)
    assert error.value.incomplete


def test_custom_states_are_known_where_tasks_are_in_them() -> None:
    assert parse("state:STARTIN", states=["STARTIN"]).states == ("STARTIN",)
    assert doubts_about_states(parse("state:progress"), ["PROGRESS"]) == ""
    assert doubts_about_states(parse("state:progress"), []) == "No task is in the state “PROGRESS”."
    assert "Did you mean FAILURE?" in doubts_about_states(parse("state:failed"), [])
    assert "Did you mean STARTED?" in doubts_about_states(parse("state:running state:RETRY"), [])
    assert doubts_about_states(parse("state:FAIL* state:LOST"), []) == ""
    for state in STATES:
        assert parse(f"state:{state}").states == (state,)


@pytest.mark.parametrize("zone", ["Europe/Berlin", "UTC", "Asia/Kolkata"])
@pytest.mark.parametrize("moment", [1_000.0, 1_792_888_200.0, 1_792_891_800.0])  # around the end of summer time
def test_a_moment_is_written_as_the_own_clock_shows_it_and_read_back(
    zone: str, moment: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TZ", zone)
    time.tzset()
    try:
        task_filter = TaskFilter(ended=(Moment(">=", moment),))
        assert parse(unparse(task_filter)) == task_filter
    finally:
        monkeypatch.undo()
        time.tzset()


def test_a_span_stays_as_it_was_written() -> None:
    text = 'since:15m state:FAILURE "since:1h"'
    assert unparse(parse(text), text) == 'state:FAILURE "since:1h" since:15m'


def test_text_that_looks_like_a_field() -> None:
    assert doubts_about_text("boom (1, http://x") == ""
    assert "“args:x OR”" in doubts_about_text("boom args:x OR")


words = st.text(st.characters(blacklist_categories=("Cs", "Cc", "Z")), min_size=1, max_size=12)
values = st.lists(words, max_size=2).map(tuple)


@given(values, values, values, values)
@settings(max_examples=300, deadline=None)
def test_a_filter_that_is_written_is_read_as_it_was(
    queues: tuple[str, ...], names: tuple[str, ...], args: tuple[str, ...], phrases: tuple[str, ...]
) -> None:
    task_filter = TaskFilter(queues=queues, names=names, args=args, phrases=phrases, runtime=(Bound(">", 0.25),))
    assert parse(unparse(task_filter)) == task_filter
    assert parse(filter_text(names=names)) == TaskFilter(names=names)


pieces = st.sampled_from(
    [
        *(f"{key}:" for key in FIELDS),
        *'":<>=-!(|&\\/ *',
        "//",
        "OR",
        "not",
        "state:FAILURE",
        "1h",
        "12",
        "x",
        "ß",
        "since:",
    ]
)


@given(st.lists(pieces, max_size=12).map("".join))
@settings(max_examples=600, deadline=None)
def test_any_line_is_understood_or_refused_in_words(text: str) -> None:
    try:
        task_filter = parse(text, now=0.0)
    except FilterError:
        return
    again = parse(unparse(task_filter), now=0.0)
    spelt = (*again.text.split(), *again.phrases)  # a word may need quotes where it is written alone
    assert sorted(spelt) == sorted((*task_filter.text.split(), *task_filter.phrases))
    assert replace(again, text="", phrases=(), since=task_filter.since) == replace(task_filter, text="", phrases=())


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> Iterator[HistoryReader]:
    folder: Path = tmp_path_factory.mktemp("filters")
    history = History(folder / "history.sqlite")
    for number in range(1, 61):
        state = ("succeeded", "failed", "running")[number % 3]
        related = {"root_id": uuid_of(number - number % 4 or 1), "parent_id": uuid_of(number // 2 or 1)}
        add_task(
            history, number, state=state, kwargs=f"{{'user': 'Anna {number % 7}', 'rate': '{number}%'}}", **related
        )
    for number, uuid in enumerate(("order-17", "order-18", "0000-odd"), 61):
        sent = Event(
            type="task-received", uuid=uuid, timestamp=NOW, clock=1, hostname="w1", name="x", retries=number - 60
        )
        history.record(uuid, NOW + number).add(sent)
    history.commit(NOW)
    reader = HistoryReader(history.path)
    yield reader
    reader.close()
    history.close()


_COMPARE = {"<": operator.lt, "<=": operator.le, "=": operator.eq, ">=": operator.ge, ">": operator.gt}


def _fits(row: TaskRow, task_filter: TaskFilter) -> bool:
    """The same in plain Python."""

    def among(parts: tuple[str, ...], text: str) -> bool:
        return not parts or any(part.lower() in text.lower() for part in parts)

    searched = f"{row.uuid}\n{row.name}\n{row.args}\n{row.kwargs}\n{row.exception}".lower()
    return (
        (not task_filter.states or row.state in task_filter.states)
        and among(task_filter.args, row.args)
        and among(task_filter.kwargs, row.kwargs)
        and among(task_filter.results, row.result or "\n")
        and among(task_filter.exceptions, row.exception)
        and all(part.lower() in searched for part in (*task_filter.text.split(), *task_filter.phrases))
        and (not task_filter.ids or any(row.uuid.startswith(beginning) for beginning in task_filter.ids))
        and (not task_filter.roots or row.uuid in task_filter.roots or row.root_id in task_filter.roots)
        and (not task_filter.parents or row.parent_id in task_filter.parents)
        and all(
            row.runtime is not None and _COMPARE[one.operator](row.runtime, one.value) for one in task_filter.runtime
        )
        and all(_COMPARE[one.operator](row.retries, one.value) for one in task_filter.retries)
    )


@given(
    st.builds(
        TaskFilter,
        states=st.sampled_from([(), (), ("FAILURE",), ("SUCCESS", "STARTED")]),
        args=st.sampled_from([(), (), ("(3",), ("9", "(1")]),
        kwargs=st.sampled_from([(), (), ("ANNA 3",), ("9%",), ("'rate'",)]),
        results=st.sampled_from([(), (), ("1",), ("2",)]),
        exceptions=st.sampled_from([(), (), ("valueerror(1",)]),
        text=st.sampled_from(["", "", "anna", "9% user"]),
        phrases=st.sampled_from([(), (), ("Anna 5",), ("'user': 'anna",)]),
        ids=st.sampled_from([(), (), (uuid_of(17),), (uuid_of(17)[:-1], "order-1"), ("order-17",), ("0000",)]),
        roots=st.sampled_from([(), (), (uuid_of(8),), ("order-17",)]),
        parents=st.sampled_from([(), (), (uuid_of(8), uuid_of(9))]),
        runtime=st.sampled_from([(), (), (Bound(">", 1.0),), (Bound(">=", 0.9), Bound("<", 3.0))]),
        retries=st.sampled_from([(), (), (Bound("=", 0.0),), (Bound(">", 1.0),)]),
    )
)
@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_sql_finds_what_the_filter_says(found: HistoryReader, task_filter: TaskFilter) -> None:
    rows = found.tasks(TaskFilter(), limit=100)
    assert len(rows) == 63
    assert [row.uuid for row in found.tasks(task_filter)] == [row.uuid for row in rows if _fits(row, task_filter)]
    assert [row.uuid for row in found.tasks(parse(unparse(task_filter)))] == [
        row.uuid for row in rows if _fits(row, task_filter)
    ]


@pytest.mark.parametrize("text", ["id:00000000-0000-4000-8000-0000000000", "root:order-17", "parent:order-17"])
def test_ids_are_found_by_an_index(found: HistoryReader, text: str) -> None:
    task_filter = parse(text)
    assert not task_filter.reads_every_row
    condition = found._where(task_filter)
    plan = found._all(
        f"EXPLAIN QUERY PLAN SELECT id FROM tasks WHERE {condition} ORDER BY id DESC LIMIT 200", tuple(condition.values)
    )
    said = [str(step[3]) for step in plan]
    assert not any(step == "SCAN tasks" for step in said), said
