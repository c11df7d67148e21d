"""Real Celery apps and a real Django project, read by another Python process; and those that misbehave."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from deskq.errors import UserError
from deskq.profiles import Profile, RedisOptions, Tls
from deskq.profiles.importing.proposals import from_app, from_django, from_environment
from deskq.profiles.importing.reader_process import last_words, scrubbed
from tests.support.processes import children

APP = """
import os, ssl, sys
print("chatter on stdout")
os.write(1, b"more of it, past Python\\n")
print("deskq-settings:" + "{}")
from celery import Celery
from kombu import Exchange, Queue
from proj.urls import BROKER  # a module whose name deskq has too
app = Celery("proj", broker=BROKER, backend="redis://:c4n4ry@cache:6380/3")
app.conf.update(
    broker_transport_options={
        "global_keyprefix": "shop:", "fanout_prefix": False, "fanout_patterns": True, "priority_steps": range(0, 10, 5),
        "sep": ":", "visibility_timeout": 7200, "odd": object(),
    },
    broker_use_ssl={"ssl_cert_reqs": ssl.CERT_NONE, "ssl_ca_certs": "/ca.pem"},
    task_queues=[Queue("emails", Exchange("emails")), Queue("slow")],
    task_default_queue="emails",
    task_routes={"a.*": {"queue": "routed"}},
    event_exchange="shop-events",
    control_exchange="shop-control",
    worker_send_task_events=True,
    timezone="Europe/Berlin",
)
"""
DJANGO = """
SECRET_KEY = "c4n4ry"
INSTALLED_APPS = ["django.contrib.contenttypes", "django_celery_results", "django_celery_beat"]
DATABASES = {"default": {"ENGINE": "django.db.backends.postgresql", "NAME": "shop", "USER": "anna",
                         "PASSWORD": "c4n4ry/@", "HOST": "db.example", "PORT": 5433}}
CELERY_BROKER_URL = "amqp://anna:c4n4ry@mq.example:5673/shop"
CELERY_RESULT_BACKEND = "django-db"
CELERY_TASK_DEFAULT_QUEUE = "web"
CELERY_QUEUES = {"old": {}}
CELERY_TASK_SEND_SENT_EVENT = True
"""


def write_app(folder: Path, text: str, name: str = "proj") -> Path:
    package = folder / name
    package.mkdir()
    (package / "__init__.py").write_text("")
    (package / "urls.py").write_text('BROKER = "redis://anna:c4n4ry@h:6380/2"\n')
    (package / "celery.py").write_text(text)
    return folder


def test_a_celery_app(tmp_path: Path) -> None:
    proposal = from_app("proj", folder=write_app(tmp_path, APP), timeout=60)
    profile = proposal.profile
    assert profile == Profile.from_url(
        "rediss://anna:c4n4ry@h:6380/2",
        name="proj",
        result_backend="redis://:c4n4ry@cache:6380/3",
        watch_queues=("emails", "slow", "routed"),
        event_exchange="shop-events",
        control_exchange="shop-control",
        tls=Tls(ca="/ca.pem", verify=False),
        redis=RedisOptions(
            global_keyprefix="shop:", fanout_prefix="", priority_steps=(0, 5), sep=":", visibility_timeout=7200
        ),
    )
    assert profile.password.reveal() == profile.result_password.reveal() == "c4n4ry"
    assert "c4n4ry" not in repr(proposal)
    assert dict(proposal.sources)["url"] == f"proj in {tmp_path}"
    notes = " ".join(proposal.notes)
    assert "task_send_sent_event is off" in notes
    assert "worker_send_task_events" not in notes
    assert "Europe/Berlin" in notes
    assert not list(tmp_path.rglob("*.pyc"))  # nothing is left in the project


def test_an_app_by_its_attribute_and_with_nothing_set(tmp_path: Path) -> None:
    (tmp_path / "jobs.py").write_text("from celery import Celery\nworkers = Celery('jobs')\n")
    proposal = from_app("jobs:workers", folder=tmp_path, timeout=60)
    assert proposal.profile.url == "amqp://guest@localhost:5672//"
    assert proposal.profile.name == "jobs"
    assert dict(proposal.sources)["url"] == "Celery's default"


def test_sentinels_keep_all_their_places(tmp_path: Path) -> None:
    text = """
from celery import Celery
app = Celery("proj", broker="sentinel://:c4n4ry@a:26379;sentinel://:c4n4ry@b:26379/1")
app.conf.broker_transport_options = {
    "master_name": "mymaster", "sentinel_kwargs": {"password": "s3ntinel", "username": "watch", "ssl": True}
}
"""
    profile = from_app("proj", folder=write_app(tmp_path, text), timeout=60).profile
    assert profile.url == "sentinel://a:26379;sentinel://b:26379/1"
    assert (profile.redis.sentinel_master, profile.redis.sentinel_user) == ("mymaster", "watch")
    assert profile.sentinel_password.reveal() == "s3ntinel"
    assert profile.password.reveal() == "c4n4ry"


def test_a_django_project(tmp_path: Path) -> None:
    package = tmp_path / "shop"
    package.mkdir()
    (package / "__init__.py").write_text("")
    (package / "settings.py").write_text(DJANGO)
    proposal = from_django("shop.settings", folder=tmp_path, timeout=60)
    database = "db+postgresql://anna:c4n4ry%2F%40@db.example:5433/shop"
    assert proposal.profile == Profile.from_url(
        "amqp://anna:c4n4ry@mq.example:5673/shop",
        name="shop",
        result_backend=database,
        schedule_stores=(f"{database}?deskq_zone=America/Chicago",),  # Django's own default
        watch_queues=("web", "old"),
    )
    assert proposal.profile.result_backend_url() == database
    assert "task_send_sent_event" not in " ".join(proposal.notes)


def test_an_app_that_reads_django_settings(tmp_path: Path) -> None:
    text = """
import os
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "proj.settings")
from celery import Celery
app = Celery("proj")
app.config_from_object("django.conf:settings", namespace="CELERY")
"""
    write_app(tmp_path, text)
    (tmp_path / "proj" / "settings.py").write_text(DJANGO.replace('"django_celery_beat"', ""))
    profile = from_app("proj", folder=tmp_path, timeout=60).profile
    assert profile.url == "amqp://anna@mq.example:5673/shop"
    assert profile.result_backend == "db+postgresql://anna@db.example:5433/shop"
    assert profile.schedule_stores == ()


HANGING = """
import subprocess, sys, time
print("password=c4n4ry redis://:c4n4ry@h/0 connecting", flush=True)
subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
#mark
time.sleep(600)
"""
FLOOD = "import sys\nfor _ in range(20):\n    print('x' * 10_000)\n#mark\nwhile True:\n    print('x' * 10_000)\n"


@pytest.mark.parametrize(
    ("text", "timeout", "says", "words"),
    [
        (HANGING, 2.0, "took more than 2 s", ""),
        (FLOOD, 2.0, "took more than 2 s", ""),
        ("raise ValueError('no redis://:c4n4ry@h/0')", 60, "ValueError: no redis://:•••@h/0", "proj/celery.py"),
        ("import sys\nsys.exit('PASSWORD = c4n4ry')", 60, "SystemExit: PASSWORD = •••", "SystemExit"),
        ("import nowhere_at_all", 60, "No module named 'nowhere_at_all'", "nowhere_at_all"),
        ("import os\nprint('last words', flush=True)\nos._exit(3)", 60, "Last output: last words", "last words"),
        ("import os, signal\nos.kill(os.getpid(), signal.SIGKILL)", 60, "exited while importing", ""),
        ("x = 1", 60, "cannot be imported", ""),
    ],
)
def test_an_app_that_misbehaves(tmp_path: Path, text: str, timeout: float, says: str, words: str) -> None:
    write_app(tmp_path, text)
    before = children()
    with pytest.raises(UserError) as raised:
        from_app("proj", folder=tmp_path, timeout=timeout)
    assert says in str(raised.value)
    assert words in raised.value.details
    assert "c4n4ry" not in str(raised.value) + raised.value.details
    assert len(raised.value.details.splitlines()) <= 8
    assert children() == before


@pytest.mark.parametrize(("text", "words"), [(HANGING, "connecting"), (FLOOD, "xxx")])
def test_reading_is_cancelled_and_what_was_said_is_kept(tmp_path: Path, text: str, words: str) -> None:
    """Here nothing depends on how fast the project gets so far."""
    mark = tmp_path / "mark"
    write_app(tmp_path, text.replace("#mark", f"open({str(mark)!r}, 'w')"))
    before = children()
    with pytest.raises(UserError, match="was cancelled") as raised:
        from_app("proj", folder=tmp_path, timeout=60, cancelled=mark.exists)
    assert words in raised.value.details
    assert "c4n4ry" not in raised.value.details
    assert children() == before


def test_a_python_without_celery(tmp_path: Path) -> None:
    """The one that the virtual environment was made of, without what is installed there."""
    bare = tmp_path / "python"
    bare.write_text(f'#!/bin/sh\nexec "{sys._base_executable}" -S "$@"\n')  # type: ignore[attr-defined]
    bare.chmod(0o700)
    with pytest.raises(UserError, match=r"lacks Celery\. Choose the project's Python"):
        from_app("proj", folder=tmp_path, python=bare, timeout=60)
    with pytest.raises(UserError, match="lacks Django"):
        from_django("proj.settings", folder=tmp_path, python=bare, timeout=60)


def test_the_projects_own_environment_is_found(tmp_path: Path) -> None:
    own = tmp_path / ".venv" / "bin" / "python"
    own.parent.mkdir(parents=True)
    own.write_text("#!/bin/sh\necho own python >&2\nexit 1\n")
    own.chmod(0o700)
    with pytest.raises(UserError, match="own python"):
        from_app("proj", folder=tmp_path, timeout=60)


@pytest.mark.parametrize("python", ["/nowhere/python", "no-such-python"])
def test_wrong_places(tmp_path: Path, python: str) -> None:
    with pytest.raises(UserError, match="Python not found"):
        from_app("proj", folder=tmp_path, python=Path(python))
    with pytest.raises(UserError, match="does not exist"):
        from_app("proj", folder=tmp_path / "nowhere")


def test_the_environment() -> None:
    env = {
        "CELERY_BROKER_URL": "redis://:c4n4ry@h:6380/2",
        "REDIS_URL": "redis://:c4n4ry@h:6380/2",
        "BROKER_URL": "not a url with c4n4ry",
        "CLOUDAMQP_URL": "amqps://anna:c4n4ry@mq.example/anna",
        "CELERY_RESULT_BACKEND": "redis://:c4n4ry@h:6380/3",
        "OTHER": "redis://other/0",
    }
    first, second = from_environment(env)
    assert first.profile.url == "redis://h:6380/2"
    assert first.sources == (("url", "CELERY_BROKER_URL"), ("result_backend", "CELERY_RESULT_BACKEND"))
    assert first.profile.result_backend_url() == env["CELERY_RESULT_BACKEND"]
    assert second.profile.url == "amqps://anna@mq.example/anna"
    assert "c4n4ry" not in repr((first, second))
    assert from_environment({}) == []


def test_last_words_hold_no_secret() -> None:
    words = "\n".join(f"line {number}" for number in range(20)) + "\nSECRET_KEY = 'c4n4ry'\n\napi_key: c4n4ry\n"
    assert last_words(words).splitlines()[0] == "line 14"
    assert "c4n4ry" not in last_words(words)
    assert scrubbed("redis://anna:c4@n4ry@h:1/0 failed") == "redis://anna:•••@h:1/0 failed"
