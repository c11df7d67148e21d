"""What an import takes of real apps and projects, and what it says of every setting that they make."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from deskq.cli import main
from deskq.profiles import ProfileFile, Tls
from deskq.profiles.importing.fates import Fate
from deskq.profiles.importing.proposals import Proposal, from_app, from_django
from deskq.profiles.storage.confirmed_code import is_confirmed


def of_app(folder: Path, text: str) -> Proposal:
    (folder / "shop.py").write_text(f"from celery import Celery\napp = Celery('shop')\n{text}")
    return from_app("shop", folder=folder, timeout=60)


def of_django(folder: Path, text: str) -> Proposal:
    (folder / "shop_settings.py").write_text(f"SECRET_KEY = 'x'\nINSTALLED_APPS = ['django_celery_beat']\n{text}")
    return from_django("shop_settings", folder=folder, timeout=60)


def fate(proposal: Proposal, name: str) -> Fate | None:
    return next((one.fate for one in proposal.settings if one.name == name), None)


REDBEAT = """
app.conf.update(
    broker_url="redis://:pw@h:6379/4", beat_scheduler="redbeat.RedBeatScheduler", timezone="America/New_York",
    redbeat_redis_url="redis://:c4n4ry@h:6380/1", redbeat_key_prefix="mitx:redbeat:", redbeat_lock_timeout=9,
)
"""


def test_redbeat_elsewhere(tmp_path: Path) -> None:
    proposal = of_app(tmp_path, REDBEAT)
    store = "redbeat:redis://h:6380/1?prefix=mitx:redbeat:&zone=America/New_York"
    assert proposal.profile.schedule_stores == (store,)
    assert proposal.profile.schedule_store_urls() == (store.replace("//h", "//:c4n4ry@h"),)
    for name in ("redbeat_redis_url", "redbeat_key_prefix", "beat_scheduler", "timezone"):
        assert fate(proposal, name) is Fate.TAKEN
    assert fate(proposal, "redbeat_lock_timeout") is Fate.NOT_NEEDED
    assert "c4n4ry" not in " ".join(proposal.lines())


SENTINELS = (
    "redbeat_redis_url='redis-sentinel://x', redbeat_redis_options={'sentinels': [('a', 26379), ('b', 26380)], "
    "'service_name': 'main', 'password': 'p', 'db': 2}"
)
CLUSTER = "redbeat_redis_url='redis-cluster://x', redbeat_redis_options={'startup_nodes': [{'host': 'a', 'port': 7}]}"
SECURE = "redbeat_redis_url='rediss://a/1', redbeat_redis_use_ssl={'ssl_cert_reqs': None, 'ssl_ca_certs': 'ca.pem'}"


@pytest.mark.parametrize(
    ("settings", "store"),
    [
        (SENTINELS, "redbeat:sentinel://:p@a:26379;sentinel://:p@b:26380/2?master=main&zone=UTC"),
        (CLUSTER, "redbeat:redis-cluster://a:7?cluster=true&zone=UTC"),
        ("redbeat_redis_url='redis://a/1', redbeat_redis_options={'password': 'p'}", "redbeat:redis://:p@a/1?zone=UTC"),
        (SECURE, "redbeat:rediss://a/1?ssl_ca_certs={folder}/ca.pem&ssl_cert_reqs=none&zone=UTC"),
        ("broker_url='redis://b/3'", "redbeat:redis://b/3?zone=UTC"),
        ("broker_url='amqp://b//'", None),
    ],
)
def test_where_redbeat_keeps_its_schedule(tmp_path: Path, settings: str, store: str | None) -> None:
    proposal = of_app(tmp_path, f"app.conf.update(beat_scheduler='redbeat.RedBeatScheduler', {settings})")
    expected = (store.replace("{folder}", str(tmp_path)),) if store else ()
    assert proposal.profile.schedule_store_urls() == expected
    assert fate(proposal, "beat_scheduler") is (Fate.TAKEN if store else Fate.LOST)


TLS = "app.conf.update(broker_url={url!r}, broker_use_ssl={tls})"


@pytest.mark.parametrize(
    ("url", "tls", "saved", "verify"),
    [
        ("redis://h/0", "{'ssl_cert_reqs': None}", "rediss://h/0", False),
        ("redis://h/0", "{'ssl_cert_reqs': 0}", "rediss://h/0", False),
        ("redis://h/0", "{'ssl_cert_reqs': 'optional'}", "rediss://h/0", True),
        ("redis://h/0", "{'ssl_ca_certs': '/ca.pem'}", "rediss://h/0", True),
        ("redis://h/0", "True", "redis://h/0", True),  # which kombu leaves without a word
        ("amqp://h//", "True", "amqps://h//", True),
        ("amqp://h//", "{'cert_reqs': None}", "amqps://h//", True),
        ("amqp://h//", "{'cert_reqs': __import__('ssl').CERT_NONE}", "amqps://h//", False),
    ],
)
def test_whether_a_certificate_is_checked(tmp_path: Path, url: str, tls: str, saved: str, verify: bool) -> None:
    profile = of_app(tmp_path, TLS.format(url=url, tls=tls)).profile
    assert (profile.url, profile.tls.verify) == (saved, verify)


def test_files_are_the_projects(tmp_path: Path) -> None:
    profile = of_app(
        tmp_path,
        "app.conf.update(broker_url='rediss://h/0', broker_use_ssl={'ssl_ca_certs': 'ca.pem'}, "
        "result_backend='db+sqlite:///results.sqlite3')",
    ).profile
    assert profile.tls == Tls(ca=f"{tmp_path}/ca.pem")
    assert profile.result_backend == f"db+sqlite:///{tmp_path}/results.sqlite3"


def test_a_broker_in_parts_and_a_list(tmp_path: Path) -> None:
    parts = "broker_host='mq', broker_port=5673, broker_user='anna', broker_password='c4n4ry', broker_vhost='shop'"
    profile = of_app(tmp_path, f"app.conf.update({parts})").profile
    assert profile.connection_url() == "amqp://anna:c4n4ry@mq:5673/shop"
    listed = of_app(tmp_path, "app.conf.broker_url = ['redis://:a@x/5', 'redis://:b@y/5']").profile
    assert listed.connection_url() == "redis://:a@x/5;redis://:b@y/5"


def test_the_python_of_this_shell_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The window may be started from another shell, or from a menu."""
    active = tmp_path / "active"
    (active / "bin").mkdir(parents=True)
    (active / "bin" / "python").write_text(f'#!/bin/sh\nexec "{sys.executable}" "$@"\n')
    (active / "bin" / "python").chmod(0o700)
    monkeypatch.setenv("VIRTUAL_ENV", str(active))
    proposal = of_app(tmp_path, "app.conf.beat_schedule = {'tidy': {'task': 'shop.tidy', 'schedule': 60}}")
    assert proposal.profile.schedule_stores == (f"code:shop?path={tmp_path}&python={active}/bin/python",)


def test_the_apps_own_schedule_is_a_store_that_was_confirmed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("VIRTUAL_ENV", raising=False)
    folder = tmp_path / "my shop"
    folder.mkdir()
    text = "app.conf.beat_schedule = {'tidy': {'task': 'shop.tidy', 'schedule': 60}}"
    proposal = of_app(folder, text)
    (store,) = proposal.profile.schedule_stores
    assert store == f"code:shop?path={tmp_path}/my%20shop"
    assert fate(proposal, "beat_schedule") is Fate.TAKEN
    assert not is_confirmed(store)
    assert main(["profiles", "import", "--app", "shop", "--folder", str(folder), "--yes"]) == 0
    assert is_confirmed(store)  # this person has just let the same code run
    capsys.readouterr()
    assert main(["schedules", "list", "shop/code"]) == 0
    assert "tidy" in capsys.readouterr().out


def test_a_plain_app_with_djangos_scheduler(tmp_path: Path) -> None:
    proposal = of_app(
        tmp_path,
        "app.conf.update(broker_url='amqp://h//', beat_scheduler='django_celery_beat.schedulers:DatabaseScheduler', "
        "result_backend='django-db', task_routes=('shop.Router',), beat_schedule={'a': {'task': 'a', 'schedule': 1}})",
    )
    assert proposal.profile.schedule_stores == ()
    lost = {one.name: one.words for one in proposal.settings if one.fate is Fate.LOST}
    assert lost.keys() == {"beat_scheduler", "result_backend", "task_routes"}
    assert "import the project's Django settings" in lost["beat_scheduler"]


SQLITE = "DATABASES = {'default': {'ENGINE': 'django.db.backends.sqlite3', 'NAME': 'db.sqlite3'}}\n"


def test_a_scheduler_that_derives_from_djangos(tmp_path: Path) -> None:
    (tmp_path / "sched.py").write_text(
        "import django\ndjango.setup()\nfrom django_celery_beat.schedulers import DatabaseScheduler\n"
        "class Throttled(DatabaseScheduler): pass\n"
    )
    proposal = of_django(
        tmp_path, f"{SQLITE}CELERY_BEAT_SCHEDULER = 'sched.Throttled'\nCELERY_TIMEZONE = 'Asia/Kolkata'\n"
    )
    assert proposal.profile.schedule_stores == (f"db+sqlite:///{tmp_path}/db.sqlite3?deskq_zone=Asia/Kolkata",)
    other = of_django(tmp_path, f"{SQLITE}CELERY_BEAT_SCHEDULER = 'celery.beat:Scheduler'\n")
    assert other.profile.schedule_stores == ()


@pytest.mark.parametrize("written", [True, False])
def test_a_scheduler_of_ones_own_is_not_guessed(tmp_path: Path, written: bool) -> None:
    """redbeat's settings are there, as they may be left from before."""
    if written:
        (tmp_path / "own.py").write_text("class Scheduler: pass\n")
    proposal = of_app(
        tmp_path, "app.conf.update(broker_url='redis://h/0', redbeat_key_prefix='x:', beat_scheduler='own:Scheduler')"
    )
    assert proposal.profile.schedule_stores == ()
    lost = {one.name: one.words for one in proposal.settings if one.fate is Fate.LOST}
    assert "deskq does not know where own" in lost["beat_scheduler"]
    assert ("cannot be imported here" in lost["beat_scheduler"]) is not written


def test_a_scheduler_of_ones_own_on_celerys_keeps_the_apps_schedule(tmp_path: Path) -> None:
    (tmp_path / "own.py").write_text(
        "from celery.beat import PersistentScheduler\nclass Mine(PersistentScheduler): pass\n"
    )
    proposal = of_app(
        tmp_path,
        "app.conf.update(broker_url='redis://h/0', beat_scheduler='own:Mine', "
        "beat_schedule={'a': {'task': 't', 'schedule': 1.0}})",
    )
    (store,) = proposal.profile.schedule_stores
    assert store.startswith("code:")
    assert fate(proposal, "beat_scheduler") is Fate.LOST


def test_the_database_that_djangos_routers_name(tmp_path: Path) -> None:
    text = (
        "DATABASES = {name: {'ENGINE': 'django.db.backends.sqlite3', 'NAME': name} for name in ('default', 'beat')}\n"
        "DATABASE_ROUTERS = ['shop_router.Router']\n"
    )
    (tmp_path / "shop_router.py").write_text(
        "class Router:\n    def db_for_read(self, model, **hints):\n"
        "        return 'beat' if model._meta.app_label == 'django_celery_beat' else None\n"
    )
    proposal = of_django(tmp_path, text)
    assert proposal.profile.schedule_stores == (f"db+sqlite:///{tmp_path}/beat?deskq_zone=America/Chicago",)
    assert fate(proposal, "DATABASE_ROUTERS") is Fate.TAKEN
    (tmp_path / "shop_router.py").unlink()
    lost = of_django(tmp_path, text)
    assert lost.profile.schedule_stores == ()
    assert fate(lost, "DATABASE_ROUTERS") is Fate.LOST


def test_times_without_a_zone_are_told(tmp_path: Path) -> None:
    proposal = of_django(tmp_path, f"{SQLITE}USE_TZ = False\nTIME_ZONE = 'Asia/Kolkata'\n")
    assert fate(proposal, "USE_TZ") is Fate.LOST
    assert fate(proposal, "TIME_ZONE") is Fate.TAKEN


def test_every_setting_is_told_once(tmp_path: Path) -> None:
    """The window and the command line say the same; defaults are left out."""
    proposal = of_app(
        tmp_path,
        "app.conf.update(broker_url='redis://h/0', task_acks_late=True, beat_max_loop_interval=30, "
        "broker_transport_options={'sep': ':', 'max_connections': 3, 'master_name': 'm', 'odd': 1})",
    )
    lines = proposal.lines()
    assert "broker_transport_options.odd: cannot be kept, because a profile has no such option" in lines
    assert "broker_transport_options.sep: taken" in lines
    assert "broker_transport_options.master_name: not needed (the URL names no sentinels)" in lines
    assert "Not needed: beat_max_loop_interval, broker_transport_options.max_connections, task_acks_late" in lines
    assert not any("event_exchange" in line for line in lines)
    assert len({one.name for one in proposal.settings}) == len(proposal.settings)


def test_a_python_beside_the_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is looked for where a person typed it, and started where the project is."""
    project, here = tmp_path / "project", tmp_path / "here"
    for folder in (project, here, tmp_path / "venv" / "bin"):
        folder.mkdir(parents=True)
    (tmp_path / "venv" / "bin" / "python").symlink_to(sys.executable)
    own = tmp_path / "venv" / "bin" / "project-python"
    own.write_text(f'#!/bin/sh\nexec "{sys.executable}" "$@"\n')
    own.chmod(0o700)
    (project / "shop.py").write_text(
        "from celery import Celery\napp = Celery(broker='redis://h/1')\n"
        "app.conf.beat_schedule = {'a': {'task': 'a', 'schedule': 1}}\n"
    )
    monkeypatch.chdir(here)
    given = "../venv/bin/project-python"
    assert main(["profiles", "import", "--app", "shop", "--folder", "../project", "--python", given, "--yes"]) == 0
    (store,) = ProfileFile().load()[0].schedule_stores
    monkeypatch.chdir("/")
    assert main(["schedules", "list", store]) == 0  # whatever folder deskq is started in
    proposal = from_app("shop", folder=project, python=Path(given), timeout=60)  # from the project's folder
    assert proposal.profile.schedule_stores[0].endswith("project-python")
