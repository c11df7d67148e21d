"""A project with USE_TZ = False keeps times without a zone: deskq reads them as its beat does, as UTC."""

from __future__ import annotations

import json
import time
from contextlib import closing
from pathlib import Path

import pytest

from deskq.schedules.stores.django.store import DjangoBeatStore
from deskq.schedules.timing.next_runs import entry_runs
from tests.support.django_project import DjangoProject, sqlite

_MAKE = """
import datetime, json, time, django
django.setup()
from celery import Celery
from django_celery_beat.models import IntervalSchedule, PeriodicTask
from django_celery_beat.schedulers import ModelEntry

app = Celery("shop", broker="memory://", set_as_current=False)
app.conf.timezone = "Asia/Kolkata"
every, _ = IntervalSchedule.objects.get_or_create(every=3600, period="seconds")
utc = datetime.datetime.now(datetime.timezone.utc).replace(tzinfo=None)
found = {}
for name, start, last in (("later", 600, None), ("earlier", -600, None), ("ran", None, -20), ("both", -600, -20)):
    task = PeriodicTask(name=name, task="t", interval=every)
    task.start_time = None if start is None else utc + datetime.timedelta(seconds=start)
    task.last_run_at = None if last is None else utc + datetime.timedelta(seconds=last)
    task.save()
    state = ModelEntry(PeriodicTask.objects.get(name=name), app=app).is_due()
    found[name] = time.time() + (0 if state.is_due else state.next)
print(json.dumps(found))
"""


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> DjangoProject:
    folder: Path = tmp_path_factory.mktemp("naive")
    naive = 'USE_TZ = False\nTIME_ZONE = "Asia/Kolkata"\nDJANGO_CELERY_BEAT_TZ_AWARE = False\n'
    made = DjangoProject(folder, {"default": sqlite(folder / "db.sqlite3")}, naive)
    made.migrate({"default": ""})
    return made


def test_times_without_a_zone_are_what_beat_takes_them_for(project: DjangoProject) -> None:
    told = json.loads(project.run(_MAKE))
    with closing(DjangoBeatStore(f"sqlite:///{project.folder}/db.sqlite3?deskq_zone=Asia/Kolkata")) as store:
        entries = {entry.name: entry for entry in store.read().entries}
        now = time.time()
        for name, at in told.items():
            entry = entries[name]
            assert entry.problem == ""
            (run,) = entry_runs(entry, store, after=now, count=1)
            assert abs(run.at - at) < 60, name
        started = entries["later"].start_time
        assert started is not None
        assert 0 < started - now <= 600
