"""Decoding of result records: Celery's own, hostile ones, pickles that must not run."""

from __future__ import annotations

import json
import pickle
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deskq.results.record import MOST_BYTES, RAW_BYTES, decode_meta, decode_value, pickle_listing


def meta(**fields: Any) -> bytes:
    return json.dumps({"status": "SUCCESS", "result": 5, "traceback": None, "children": [], **fields}).encode()


def test_a_success_and_what_result_extended_adds() -> None:
    bare = decode_meta("id", meta())
    assert (bare.state, bare.result, bare.kind, bare.extended) == ("SUCCESS", "5", "json", False)
    extended = {"name": "t", "args": [1, {"a": "ü"}], "kwargs": {}, "worker": "w", "retries": 2, "queue": "q"}
    record = decode_meta("id", meta(**extended, group_id="g", parent_id="p"))
    assert record.extended
    assert (record.name, record.args, record.kwargs) == ("t", [1, {"a": "ü"}], {})
    assert (record.worker, record.retries, record.queue, record.group_id, record.parent_id) == ("w", 2, "q", "g", "p")


def test_an_exception_is_named_and_never_made() -> None:
    stored = {"exc_type": "system", "exc_message": ["touch /tmp/owned"], "exc_module": "os"}
    record = decode_meta("id", meta(status="FAILURE", result=stored, traceback="Traceback …"))
    assert record.exception == "os.system: touch /tmp/owned"
    assert record.result == ""
    assert record.traceback == "Traceback …"


def test_a_pickle_is_listed_and_does_not_run(tmp_path: Path) -> None:
    file = tmp_path / "owned"

    class Canary:
        def __reduce__(self) -> Any:
            return (Path.touch, (file,))

    record = decode_meta("id", pickle.dumps({"status": "SUCCESS", "result": Canary()}))
    assert record.kind == "pickle"
    assert record.state is None
    assert "never loads pickles" in record.result
    assert "REDUCE" in record.result
    assert not file.exists()


@given(st.binary(max_size=400))
def test_any_bytes_are_a_record(raw: bytes) -> None:
    record = decode_meta("id", raw)
    assert record.size == len(raw)
    assert len(record.result) < 10_000
    record.result.encode()


@given(
    st.dictionaries(
        st.sampled_from(["status", "result", "traceback", "children", "name", "args", "retries", "exc_type"]),
        st.recursive(
            st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
            lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
        ),
    )
)
def test_any_types_are_a_record(values: dict[str, Any]) -> None:
    record = decode_meta("id", json.dumps(values).encode())
    for text in (record.state, record.result, record.exception, record.traceback, record.name):
        assert text is None or isinstance(text, str)


@pytest.mark.parametrize(
    "raw", [b"[" * 100_000, b'{"result":' * 100_000, b'"\\ud800"', b"\x80", b"\x80\x05garbage", b""]
)
def test_hostile_bytes(raw: bytes) -> None:
    decode_meta("id", raw).result.encode()


def test_it_is_bounded() -> None:
    large = meta(result="x" * (2 * MOST_BYTES))
    record = decode_meta("id", large)
    assert record.size == len(large)
    assert len(record.raw) == RAW_BYTES
    assert len(record.result) < 10_000
    assert "bytes; the beginning" in decode_value(large)[2]
    assert pickle_listing(pickle.dumps(list(range(10_000)))).count("\n") < 250
