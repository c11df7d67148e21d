"""Crash reports: written when something goes wrong, redacted, found by the next run, and absent when all is well."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from deskq import crash_log as crash
from deskq import paths
from deskq.crash_log import CrashLog, redact
from deskq.profiles import Profile
from tests.support.small_disk import fill, small_file_system

_ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def log() -> Iterator[CrashLog]:
    one = CrashLog("test")
    yield one
    one.end()


def raised(text: str) -> Exception:
    try:
        raise RuntimeError(text)
    except RuntimeError as error:
        return error


def test_a_good_run_leaves_nothing(log: CrashLog) -> None:
    log.begin()
    assert list((paths.log_dir() / "crashes").iterdir()) != []
    log.end()
    assert list((paths.log_dir() / "crashes").iterdir()) == []
    assert crash.pending() == []


def test_an_exception_is_reported_once_with_what_qt_said_and_without_secrets(log: CrashLog) -> None:
    profile = Profile.from_url("amqp://anna:canary-password@rabbit.internal.example:5672/shop")
    log.begin()
    log.hide(*profile.private_texts())
    log.note("Qt: QObject::startTimer: no event loop")
    error = raised("rabbit.internal.example refused anna with canary-password")
    heard: list[str] = []
    log.listen(lambda report: heard.append(report.text))
    assert log.report(error, "a test") is not None
    assert log.report(error, "a test") is None
    (report,) = crash.pending()
    assert heard == [report.text]
    assert "RuntimeError: ••• refused ••• with •••" in report.text
    assert "QObject::startTimer" in report.text
    assert report.path.stat().st_mode & 0o777 == 0o600
    for secret in ("canary", "anna", "rabbit.internal"):
        assert secret not in report.text
    crash.discard(report)
    assert crash.pending() == []


def test_an_exception_in_a_thread_is_reported(log: CrashLog, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(threading, "__excepthook__", lambda _: None)
    log.begin()

    def fail() -> None:
        raise ZeroDivisionError("in a thread")

    thread = threading.Thread(target=fail, name="sampler")
    thread.start()
    thread.join()
    (report,) = crash.pending()
    assert "In: thread sampler" in report.text
    assert "ZeroDivisionError: in a thread" in report.text


def test_a_killed_interpreter_leaves_its_stack() -> None:
    """A segmentation fault, as a broken library causes it."""
    program = (
        "import faulthandler\nfrom deskq.crash_log import CrashLog\nlog = CrashLog('window')\nlog.begin()\n"
        "log.hide('canary')\nlog.note('Qt: QThread: Destroyed while thread canary is still running')\n"
        "def culprit():\n    faulthandler._sigsegv()\nculprit()\n"
    )
    ran = subprocess.run([sys.executable, "-c", program], cwd=_ROOT, env=dict(os.environ), check=False, timeout=240)
    assert ran.returncode < 0
    (report,) = crash.pending()
    assert "In: the interpreter itself" in report.text
    assert "Segmentation fault" in report.text
    assert "Destroyed while thread ••• is still running" in report.text
    assert "in culprit" in report.text
    assert not list((paths.log_dir() / "crashes").glob("running-*"))


def test_a_killed_process_leaves_no_report() -> None:
    program = (
        "import os\nfrom deskq.crash_log import CrashLog\nlog = CrashLog('window')\nlog.begin()\n"
        "log.note('Qt: something')\nos.kill(os.getpid(), 9)\n"
    )
    subprocess.run([sys.executable, "-c", program], cwd=_ROOT, env=dict(os.environ), check=False, timeout=240)
    assert list((paths.log_dir() / "crashes").glob("running-*")) != []
    assert crash.pending() == []
    assert list((paths.log_dir() / "crashes").iterdir()) == []


@pytest.mark.parametrize(
    ("text", "safe"),
    [
        ("amqp://anna:s3cret@rabbit.example:5672/shop", "amqp://•••@‹host›:5672/shop"),
        ("redis://:p%40w@[::1]:6379/0 failed", "redis://•••@‹host›:6379/0 failed"),
        ("redis://broker.example/0", "redis://‹host›/0"),
        ("connect to 10.1.2.3:6379", "connect to ‹address›:6379"),
        ("login(password='hunter2', db=1)", "login(password='•••', db=1)"),
        ("login(password='correct horse, battery', db=1)", "login(password='•••', db=1)"),
        ("redis://:p/w@x@broker.example/0 failed", "redis://•••@‹host›/0 failed"),
        (
            'File "/srv/Acme Ltd/v/lib/python3.11/site-packages/pika/x.py", line 3',
            'File "…/site-packages/pika/x.py", line 3',
        ),
        ('File "/srv/Acme Ltd/deskq/deskq/views/x.py", line 3', 'File "…/deskq/views/x.py", line 3'),
        ("No such file: '/srv/acme/shop.sqlite'", "No such file: '…/shop.sqlite'"),
        ("1/2 of 3/4, q a/b/c, application/json, /0", "1/2 of 3/4, q a/b/c, application/json, /0"),
        ("nothing secret, 1.2.3 of 4", "nothing secret, 1.2.3 of 4"),
    ],
)
def test_redaction(text: str, safe: str) -> None:
    assert redact(text) == safe


@pytest.mark.parametrize("home", ["/root", "/home/anna", "/srv/people/anna.b", "/"])
def test_the_home_folder_is_not_named(home: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """However deep it lies."""
    monkeypatch.setenv("HOME", home)
    monkeypatch.setenv("USER", "anna")
    assert redact(f'File "{home}/shop/x.py"') == 'File "…/x.py"'
    if home != "/":
        assert redact(f"in {home}") == "in ~"
        assert redact(f"in {home}.") == "in ~."
        assert redact(f"in {home}/shop") == "in ~/shop"
        assert redact(f"in {home}/shop/x.py") == "in …/x.py"
        assert "~" not in redact(f"in {home}belle/x")  # somebody else's


def test_a_short_password_leaves_the_rest_readable() -> None:
    told = redact("error at redis://u:e@h/0: the connection ended", ["e", "h", "longer"])
    assert "the connection ended" in told
    assert "u:e@" not in told


def test_a_run_on_a_full_disk_ends_without_a_word(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with small_file_system(tmp_path / "disk") as disk:
        monkeypatch.setenv("DESKQ_HOME", str(disk))
        log = CrashLog("test")
        fill(disk)
        log.begin()
        log.note("the disk is full")
        log.end()
        assert list((disk / "log" / "crashes").iterdir()) == []
