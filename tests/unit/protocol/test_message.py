"""Task messages: read without executing, written anew, with what is kept and what is left out."""

from __future__ import annotations

import json
import pickle
from typing import Any

import pytest
from celery import Celery
from hypothesis import given
from hypothesis import strategies as st

from deskq.actions.messages.decoding import undecodable
from deskq.protocol.encoding.kombu_envelope import JSON
from deskq.protocol.message import (
    RETRY_OF,
    Body,
    RawMessage,
    encode_body,
    new_message,
    read_body,
    read_redis_message,
    retry_of,
    write_redis_message,
)

NOW = 1_795_000_000.0
VALUES: Any = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**60), 2**60) | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


def sent(**options: Any) -> RawMessage:
    """A message as Celery itself makes it."""
    app = Celery("t", set_as_current=False)
    made = app.amqp.as_task_v2("old-id", "mail.send", (1, "grüße"), {"to": ["x"]}, **options)
    body = json.dumps(made.body).encode()
    return RawMessage(body, JSON, "utf-8", made.headers, {**made.properties, "priority": 6, "delivery_mode": 2})


@given(st.lists(VALUES, max_size=3), st.dictionaries(st.text(), VALUES, max_size=3))
def test_arguments_survive_the_way_through_redis(args: list[Any], kwargs: dict[str, Any]) -> None:
    message = new_message("t", "i", args, kwargs, origin="o")
    back = read_redis_message(write_redis_message(message, "q", "tag"))
    assert back is not None
    body = read_body(back)
    assert body is not None
    assert (body.args, body.kwargs) == (args, kwargs)
    assert back.properties["delivery_info"] == {"exchange": "", "routing_key": "q"}


@given(st.binary(max_size=200))
def test_garbage_is_no_message(raw: bytes) -> None:
    assert read_redis_message(raw) is None


def test_a_retry_keeps_the_task_and_leaves_its_canvas_and_delivery_out() -> None:
    expires = "2027-01-01T00:00:00+00:00"
    old = sent(
        time_limit=30, expires=expires, eta="2026-01-01T00:00:00+00:00", group_id="g", retries=2,
        callbacks=[{"task": "x"}], parent_id="p", root_id="r",
    )  # fmt: skip
    old.headers["x-death"] = [{"count": 1}]  # type: ignore[index]
    traces = {"traceparent": "00-a-b-01", "tracestate": "x=1", "baggage": "k=v", "sentry-trace": "a-b-1"}
    old.headers.update(traces, tenant="anna", **{"x-first-death-queue": "q"})  # type: ignore[attr-defined]
    new = retry_of(old, "new-id", now=NOW)
    assert (new.headers["task"], new.headers["id"], new.headers[RETRY_OF]) == ("mail.send", "new-id", "old-id")
    assert (new.headers["timelimit"], new.headers["expires"], new.headers["tenant"]) == ([30, None], expires, "anna")
    assert (new.headers["root_id"], new.headers["parent_id"], new.headers["group"]) == ("new-id", "old-id", None)
    assert (new.headers["eta"], new.headers["retries"]) == (None, 0)
    assert not {"x-death", "x-first-death-queue"} & set(new.headers)
    assert {key: new.headers[key] for key in traces} == traces
    assert new.properties["priority"] == 6
    assert new.properties["correlation_id"] == "new-id"
    body = read_body(new)
    assert body is not None
    assert (body.args, body.kwargs, body.canvas) == ([1, "grüße"], {"to": ["x"]}, ())
    assert retry_of(old, "n", now=NOW, keep_root=True).headers["root_id"] == "r"


def test_a_body_without_a_canvas_stays_byte_for_byte() -> None:
    old = sent()
    assert retry_of(old, "new-id", now=NOW).body is old.body


def test_an_expiry_that_is_over_is_left_out() -> None:
    assert retry_of(sent(expires="2020-01-01T00:00:00+00:00"), "n", now=NOW).headers["expires"] is None


def test_a_pickle_is_not_opened() -> None:
    class Canary:
        def __reduce__(self) -> Any:
            return (pytest.fail, ("unpickled",))

    old = RawMessage(
        pickle.dumps(((Canary(),), {}, {})), "application/x-python-serialize", "binary", {"task": "t", "id": "i"}
    )
    assert read_body(old) is None
    assert retry_of(old, "n", now=NOW).body == old.body


def test_protocol_1_is_sent_as_protocol_2() -> None:
    body = {"task": "old.task", "id": "old-id", "args": [1], "kwargs": {"a": 2}, "retries": 0}
    new = retry_of(RawMessage(json.dumps(body).encode(), JSON, "utf-8"), "n", now=NOW)
    assert (new.headers["task"], new.headers[RETRY_OF]) == ("old.task", "old-id")
    assert read_body(new) == Body([1], {"a": 2}, {"callbacks": None, "errbacks": None, "chain": None, "chord": None})


def test_other_arguments_take_the_place_of_the_message_s() -> None:
    new = retry_of(sent(), "n", now=NOW, body=Body([5], {}))
    found = read_body(new)
    assert found is not None
    assert (found.args, found.kwargs, new.headers["argsrepr"]) == ([5], {}, "(5,)")


@pytest.mark.parametrize("method", ["gzip", "bzip2", "lzma"])
def test_a_compressed_body_is_read_and_written_compressed(method: str) -> None:
    from kombu.compression import compress

    def message(body: bytes) -> RawMessage:
        packed, kind = compress(body, method)
        return RawMessage(packed, JSON, "utf-8", {**sent().headers, "compression": kind})

    old = message(sent().body)
    assert read_body(old) == read_body(sent())
    assert retry_of(old, "n", now=NOW).body is old.body
    for new in (
        retry_of(old, "n", now=NOW, body=Body([5], {})),
        retry_of(message(sent(callbacks=[{"task": "x"}]).body), "n", now=NOW),
    ):
        assert new.headers["compression"] == old.headers["compression"]
        assert not undecodable(new)
    damaged = RawMessage(old.body[:-9], JSON, "utf-8", old.headers)
    assert read_body(damaged) is None
    assert read_body(RawMessage(old.body + b"x", JSON, "utf-8", old.headers)) == read_body(sent())  # as kombu does
    assert "no worker could decode the message" in undecodable(damaged)
    bomb = message(b" " * (65 * 1024 * 1024))
    assert read_body(bomb) is None


def test_a_method_that_is_not_known_is_left_out_with_its_header() -> None:
    old = RawMessage(b"?", JSON, "utf-8", {**sent().headers, "compression": "application/zstd"})
    assert read_body(old) is None
    new = retry_of(old, "n", now=NOW, body=Body([5], {}))
    assert "compression" not in new.headers
    assert not undecodable(new)


@pytest.mark.parametrize("body", [b"[]", b"{}", b"[1,2,3]", b"[[],[],{}]", b"null", b"[" * 50_000, b"\xff"])
def test_a_body_that_is_none(body: bytes) -> None:
    message = RawMessage(body, JSON, "utf-8")
    assert read_body(message) is None
    with pytest.raises(ValueError, match="no task name"):
        retry_of(message, "n", now=NOW)


def test_what_is_not_json_is_refused() -> None:
    with pytest.raises(TypeError):
        encode_body([{1, 2}], {})
