"""Nothing of the folder that deskq is started in is run: by itself, its children, Celery's loaders, or the demo."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from deskq.brokers.ports import BrokerError
from deskq.brokers.remote_control import RemoteControl
from deskq.demo.services import DemoServices
from deskq.profiles import Profile, profile_to_json
from deskq.profiles.importing.reader_process import read_settings
from deskq.services.recorder_child import recorder_command
from tests.support.waiting import wait_until

TAKEN = ("celery", "kombu", "redis", "apsw", "msgspec", "redbeat", "platformdirs", "traceback", "celeryconfig")
NAMED = ("named_config", "named_settings", "named_loader")


@pytest.fixture
def hostile(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The present folder, full of modules that leave a mark, and an environment that names some of them."""
    folder = tmp_path / "hostile"
    folder.mkdir()
    for name in (*TAKEN, *NAMED):
        (folder / f"{name}.py").write_text(f"open({str(folder / 'RAN-') + name!r}, 'w').close()\n")
    monkeypatch.chdir(folder)
    monkeypatch.setenv("CELERY_CONFIG_MODULE", "named_config")
    monkeypatch.setenv("CELERY_LOADER", "named_loader:Loader")
    monkeypatch.setenv("DJANGO_SETTINGS_MODULE", "named_settings")
    return folder


def ran(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.glob("RAN-*"))


def test_the_recorder(hostile: Path, tmp_path: Path, redis_url: str) -> None:
    history = tmp_path / "history.sqlite"
    profile = Profile.from_url(redis_url, name="shop", history=str(history))
    process = subprocess.Popen(
        recorder_command(), stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, cwd=hostile
    )
    assert process.stdin is not None
    process.stdin.write(profile_to_json(profile).encode() + b"\n")
    process.stdin.flush()
    try:
        wait_until(lambda: history.exists() or process.poll() is not None, 30, "a history")
    finally:
        _, words = process.communicate(timeout=120)
    assert (process.returncode, ran(hostile)) == (0, []), words.decode()


def test_deskq_as_a_module(hostile: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "deskq", "doctor", "redis://127.0.0.1:1/0"],
        cwd=hostile,
        capture_output=True,
        timeout=240,
        check=False,
    )
    assert done.returncode == 1, done.stderr
    assert ran(hostile) == []


def test_remote_control_loads_nothing_that_the_environment_names(hostile: Path) -> None:
    before = list(sys.path)
    with pytest.raises(BrokerError):
        RemoteControl(Profile.from_url("redis://127.0.0.1:1/0")).check()
    assert (ran(hostile), sys.path) == ([], before)


def test_the_import_runs_the_project_and_nothing_of_the_present_folder(
    hostile: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("CELERY_CONFIG_MODULE", "CELERY_LOADER", "DJANGO_SETTINGS_MODULE"):
        monkeypatch.delenv(name)
    project = tmp_path / "project"
    project.mkdir()
    (project / "shop.py").write_text(
        "import os\nfrom celery import Celery\nassert 'PYTHONSAFEPATH' not in os.environ\n"
        "app = Celery('shop', broker='redis://shop.example/3')\n"
    )
    found = read_settings(["-A", "shop"], what="shop", folder=project, python=Path(sys.executable), timeout=60)
    assert "shop.example" in str(found)
    assert ran(hostile) == []


def test_the_demo(hostile: Path, tmp_path: Path) -> None:
    with DemoServices(home=tmp_path / "home") as services:
        services.ready()
        assert ran(hostile) == []
