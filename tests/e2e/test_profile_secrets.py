"""A password's whole way, as programs see it: it reaches the broker, and nothing that anybody else can read."""

from __future__ import annotations

import stat
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from deskq.brokers.ports import LoginRefused
from deskq.brokers.rabbitmq.management import Management
from deskq.profiles import Profile, Secret, profile_to_json
from deskq.services.recorder_child import recorder_command
from tests.support.recording import Recording, deskq
from tests.support.servers import RabbitServer, RedisServer

CANARY = "c4n4ry/@:#pass"
QUOTED = "c4n4ry%2F%40%3A%23pass"


@pytest.fixture
def guarded(needs: Callable[[Callable[[], RedisServer]], RedisServer]) -> Iterator[str]:
    """A Redis with a user anna, whose password is the canary."""
    with needs(RedisServer) as server:
        with server.new_client() as client:
            client.acl_setuser(
                "anna", enabled=True, passwords=[f"+{CANARY}"], keys="*", channels="*", commands=["+@all"]
            )
        yield server.url.replace("redis://", "redis://anna@")


def test_a_profile_without_a_keyring_records_with_its_file_of_passwords(guarded: str, deskq_home: Path) -> None:
    url = guarded.replace("anna@", f"anna:{QUOTED}@")
    refused = deskq("profiles", "add", "shop", url)
    assert refused.returncode == 1
    assert "--password-file-ok" in refused.stderr
    assert deskq("profiles", "remove", "shop").returncode == 0
    added = deskq("profiles", "add", "shop", url, "--password-file-ok")
    assert added.returncode == 0, added.stderr
    file = deskq_home / "config" / "passwords.toml"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    with Recording("shop") as recording:
        assert recording.status().state == "recording"
        assert "c4n4ry" not in recording.log()
    listed = deskq("profiles", "list", "--format", "json")
    told = [added.stdout, added.stderr, refused.stderr, listed.stdout, deskq("profiles", "export").stdout]
    told += [path.read_text() for path in (deskq_home / "config").iterdir() if path != file]
    assert not [text for text in told if "c4n4ry" in text]
    file.chmod(0o644)
    again = deskq("record", "shop")
    assert again.returncode == 2
    assert "chmod 600" in again.stderr


def test_a_refused_password_is_not_repeated(guarded: str, tmp_path: Path) -> None:
    """By hand, and as the window's child, which gets it on its standard input."""
    history = tmp_path / "h.sqlite"
    by_hand = deskq("record", guarded.replace("anna@", "anna:wr0ng-c4n4ry@"), "--history", str(history))
    profile = replace(Profile.from_url(guarded, name="shop", history=str(history)), password=Secret("wr0ng-c4n4ry"))
    command = recorder_command()
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as child:
        assert child.stdin is not None
        assert child.stdout is not None
        assert child.stderr is not None
        child.stdin.write(profile_to_json(profile) + "\n")
        child.stdin.flush()  # and stays open: the child ends when it closes
        child.wait(60)
        told = (child.stdout.read(), child.stderr.read())
    assert (by_hand.returncode, child.returncode) == (2, LoginRefused.EXIT_STATUS)
    for out, error in ((by_hand.stdout, by_hand.stderr), told):
        assert "refused the password" in error
        assert "c4n4ry" not in out + error
    assert "c4n4ry" not in " ".join(command)
    assert command[0] == sys.executable
    assert not [path for path in tmp_path.iterdir() if b"c4n4ry" in path.read_bytes()]


def test_the_management_api_has_a_login_of_its_own(rabbit_vhost_url: str, rabbit_server: RabbitServer) -> None:
    """The broker's login is wrong on purpose: only the one in the API's URL can have worked."""
    profile = replace(
        Profile.from_url(rabbit_vhost_url),
        password=Secret("wrong"),
        management_url=rabbit_server.management_url.replace("http://", "http://guest:guest@"),
    )
    management = Management(profile)
    assert management.queues() == []
    assert management.url == rabbit_server.management_url
