"""A network that drops packets while tasks are sent: the kernel itself must not deliver what was given up."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest


def networks_of_our_own() -> bool:
    """May this user make network namespaces? Linux only, and not within every container."""
    if shutil.which("unshare") is None or shutil.which("ip") is None:
        return False
    asked = ["unshare", "-rn", "sh", "-c", "ip link add deskqa type veth peer name deskqb && unshare -n true"]
    return subprocess.run(asked, capture_output=True, check=False).returncode == 0


def test_what_the_network_dropped_is_sent_once(tmp_path: Path) -> None:
    if not networks_of_our_own():
        pytest.skip("no network namespaces: iproute2 is not installed, or this user may not make any")
    command = [
        "unshare",
        "-rn",
        sys.executable,
        "-m",
        "tests.support.dropped_packets",
        str(tmp_path / "journal.sqlite"),
    ]
    run = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    assert run.returncode == 0, run.stderr
    assert json.loads(run.stdout) == {"messages": 3, "ids": 3, "ran": 3, "outcomes": {"done": 3}}
