"""The log: silent until asked, one plain line for each record, and shown by crash reports."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator

import pytest

from deskq import log
from deskq.cli.parser import command_parser
from deskq.crash_log import CrashLog


@pytest.fixture(autouse=True)
def _ended(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.delenv(log.VARIABLE, raising=False)
    yield
    log.end()


def test_it_is_silent_until_it_is_asked(capsys: pytest.CaptureFixture[str]) -> None:
    log.begin()
    logging.getLogger("deskq.recorder.gap_log").warning("events are being lost: %s", "the connection ended")
    assert capsys.readouterr().err == ""
    assert log.recent()[-1].endswith("WARNING deskq.recorder.gap_log: events are being lost: the connection ended")


def test_a_level_is_that_and_what_is_above(capsys: pytest.CaptureFixture[str]) -> None:
    log.begin("warning")
    logger = logging.getLogger("deskq.services.session")
    logger.info("nothing of note")
    logger.warning("of note")
    logger.error("worse")
    lines = capsys.readouterr().err.splitlines()
    assert [line.split(" ", 1)[1] for line in lines] == [
        "WARNING deskq.services.session: of note",
        "ERROR deskq.services.session: worse",
    ]
    assert all(re.match(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d[+-]\d{4} ", line) for line in lines)


def test_the_lines_of_a_broker_stay_one_plain_line(capsys: pytest.CaptureFixture[str]) -> None:
    log.begin("debug")
    logging.getLogger("deskq.x").debug("%s", "a\nb\x1b[31m")
    assert capsys.readouterr().err.count("\n") == 1
    assert "\x1b" not in log.Line(for_journald=False).format(logging.makeLogRecord({"msg": "\x1b[31m"}))


def test_journald_gets_priorities_and_no_times() -> None:
    record = logging.makeLogRecord({"name": "deskq.x", "levelno": logging.ERROR, "levelname": "ERROR", "msg": "full"})
    assert log.Line(for_journald=True).format(record) == "<3>deskq.x: full"


def test_the_lines_of_a_child_are_passed_on(capsys: pytest.CaptureFixture[str]) -> None:
    log.begin("info")
    line = "2026-03-01T12:00:00+0100 INFO deskq.recorder.status: recording"
    assert log.relay(line)
    assert capsys.readouterr().err == f"{line}\n"
    assert not log.relay("deskq: The login is refused.")
    assert log.recent()[-1] == line


def test_a_level_that_is_none_is_refused() -> None:
    with pytest.raises(ValueError, match="loud"):
        log.begin("loud")


def test_a_crash_report_shows_it_without_secrets() -> None:
    log.begin()
    logging.getLogger("deskq.brokers").warning("redis://anna:s3cret@db.example:6379/0 ended the connection")
    crashes = CrashLog("window")
    crashes.hide("s3cret")
    report = crashes.report(RuntimeError("a fault of ours"), "a test")
    assert report is not None
    assert "ended the connection" in report.text
    assert "s3cret" not in report.text
    assert "db.example" not in report.text


def test_the_levels_of_the_command_line_are_those() -> None:
    """They are written twice, since help must not wait for the log."""
    assert command_parser.LEVELS == log.LEVELS
