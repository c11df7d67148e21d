"""A package that is missing is named, with what installs it, before anything is planned."""

from __future__ import annotations

import importlib.metadata
from contextlib import closing

import pytest

from deskq.brokers.kombu import packages
from deskq.brokers.kombu.packages import check_installed
from deskq.brokers.opening import open_broker
from deskq.brokers.ports import Refused
from deskq.brokers.remote_control import NotTold, RemoteControl
from deskq.cli import main
from deskq.profiles import Profile
from deskq.profiles.urls import OTHER_SCHEMES


@pytest.fixture(autouse=True)
def nothing_is_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packages, "_is_there", lambda module: False)


def test_what_is_told_to_install_exists() -> None:
    extras = set(importlib.metadata.metadata("kombu").get_all("Provides-Extra") or ())
    assert packages._MODULES.keys() - packages._WITHOUT_EXTRA.keys() <= extras
    assert packages._MODULES.keys() | packages._ALSO.keys() <= OTHER_SCHEMES


@pytest.mark.parametrize(
    ("url", "package"),
    [("sqs://", '"kombu[sqs]"'), ("sqla+sqlite:////tmp/x", '"kombu[sqlalchemy]"'), ("etcd://h/x", "python-etcd")],
)
def test_a_package_that_is_missing_is_named(url: str, package: str, capsys: pytest.CaptureFixture[str]) -> None:
    profile = Profile.from_url(url)
    told = f"needs a Python package that is not installed. Install it: pip install {package}."
    with closing(open_broker(profile)) as broker, pytest.raises(Refused) as refused:
        broker.server()
    assert told in str(refused.value)
    with closing(RemoteControl(profile)) as remote, pytest.raises(NotTold) as untold:
        remote.inspect("ping")
    assert told in str(untold.value)
    for command in (["control", url, "shutdown", "--worker", "w@h"], ["revoke", url, "an-id", "--terminate"]):
        assert main([*command, "--yes"]) == 2
        shown = capsys.readouterr()
        assert told in shown.err
        assert shown.out == ""  # no plan either


def test_what_needs_none_is_let_through() -> None:
    for url in ("redis://h/0", "amqp://h//", "memory://", "filesystem://"):
        check_installed(Profile.from_url(url))
