"""A Django project with django-celery-beat on any database, and its real beat."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tests.support.processes import Process

_SETTINGS = """
import pymysql
pymysql.install_as_MySQLdb()
SECRET_KEY = "x"
USE_TZ = True
TIME_ZONE = "Europe/Berlin"
INSTALLED_APPS = ["django_celery_beat"]
DATABASES = {databases!r}
DEFAULT_AUTO_FIELD = "django.db.models.AutoField"
"""
_MIGRATE = """
import json, sys, django
from django.core.management import call_command
django.setup()
for database, number in json.loads(sys.argv[1]).items():
    call_command("migrate", *(("django_celery_beat", number) if number else ()), database=database, verbosity=0)
"""
_APP = """
from celery import Celery
app = Celery("shop", broker={broker!r})
app.conf.update(beat_max_loop_interval=0.2, timezone="Europe/Berlin", task_default_queue="beaten")
"""


def sqlite(file: Path) -> dict[str, Any]:
    """Django's settings of a SQLite file."""
    return {"ENGINE": "django.db.backends.sqlite3", "NAME": str(file)}


def server(engine: str, port: int, user: str, password: str) -> dict[str, Any]:
    """Django's settings of the database "shop" of a server; ``engine``: postgresql or mysql."""
    return {
        "ENGINE": f"django.db.backends.{engine}",
        "NAME": "shop",
        "HOST": "127.0.0.1",
        "PORT": str(port),
        "USER": user,
        "PASSWORD": password,
    }


class DjangoProject:
    """A folder with settings and a Celery app. The first of the databases must be called "default".

    ``settings``: lines that are put at the end.
    """

    def __init__(self, folder: Path, databases: Mapping[str, Mapping[str, Any]], settings: str = "") -> None:
        self.folder = folder
        folder.mkdir(exist_ok=True)
        (folder / "shop_settings.py").write_text(_SETTINGS.format(databases=dict(databases)) + settings)
        self._environment = {
            **os.environ,
            "DJANGO_SETTINGS_MODULE": "shop_settings",
            "PYTHONPATH": str(folder),
        }

    def migrate(self, numbers: Mapping[str, str]) -> None:
        """Let Django's migrations make the tables of each database, up to a number or ("") all of them."""
        self.run(_MIGRATE, json.dumps(dict(numbers)))

    def run(self, program: str, *arguments: str) -> str:
        """Run Python in the project; what it printed."""
        ran = subprocess.run(
            [sys.executable, "-W", "ignore", "-c", program, *arguments],
            env=self._environment,
            cwd=self.folder,
            capture_output=True,
            text=True,
            timeout=360,
            check=False,
        )
        assert ran.returncode == 0, ran.stderr
        return ran.stdout

    def beat(self, broker: str) -> Process:
        """A real beat with the DatabaseScheduler, sending to the queue "beaten"; the caller ends it."""
        (self.folder / "shop_celery.py").write_text(_APP.format(broker=broker))
        scheduler = "django_celery_beat.schedulers:DatabaseScheduler"
        command = [sys.executable, "-m", "celery", "-A", "shop_celery", "beat", "-S", scheduler, "-l", "INFO"]
        pid = self.folder / "beat.pid"
        return Process(
            [*command, f"--pidfile={pid}"], log=self.folder / "beat.log", env=self._environment, cwd=self.folder
        )
