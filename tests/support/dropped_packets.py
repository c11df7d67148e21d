"""Sends through a network that drops packets for a while, and prints what arrived as JSON.

To be run within a network namespace of its own (unshare -rn): the server has another one, and the way between them is a
pair of virtual cables. What goes to a wrong hardware address is dropped without a word, as on a lost route.
"""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import redis

from deskq.actions.journal.journal import Journal
from deskq.actions.messages.call import Call, plan_send
from deskq.actions.messages.publish_runner import PublishRunner
from deskq.actions.runners import executor_for
from deskq.actions.safety import Confirmation
from deskq.brokers.redis import link as redis_link
from deskq.brokers.redis import publisher as redis_publishing
from deskq.profiles import Profile
from tests.support.installed_servers import redis_binary
from tests.support.waiting import wait_until

HERE: Final = "10.77.0.1/24"
THERE: Final = "10.77.0.2"
PORT: Final = 6399
_SERVER: Final = (
    "until ip link set deskqb up 2>/dev/null; do sleep 0.05; done; ip addr add {there}/24 dev deskqb; "
    "exec {binary} --port {port} --bind 0.0.0.0 --protected-mode no --save ''"
)


def ip(*words: str) -> str:
    return subprocess.run(["ip", *words], check=True, capture_output=True, text=True).stdout


def answers() -> bool:
    with contextlib.suppress(redis.RedisError), redis.Redis(host=THERE, port=PORT, socket_timeout=1) as client:
        return bool(client.ping())
    return False


def address_of_server() -> str:
    return ip("neigh", "show", THERE).split("lladdr ")[1].split()[0]


def given_up_are_gone() -> bool:
    """Has the kernel nothing left to deliver? Only connections that are open (01), or were ended by both (06), stay."""
    lines = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    return all(words[3] in ("01", "06") for words in lines if words[2].endswith(f":{PORT:04X}"))


class Publisher(redis_publishing.RedisPublisher):
    """Loses the network as the messages leave, and has it back once the first connection is given up."""

    address = ""

    def _evaluate(self, server: redis.Redis, encoded: Any) -> list[Any]:
        if not self.address:
            self._sha = str(server.script_load(redis_publishing._PUSH))
            self.address = address_of_server()
            ip("neigh", "replace", THERE, "lladdr", "02:00:00:00:00:99", "nud", "permanent", "dev", "deskqa")
        return super()._evaluate(server, encoded)

    def close(self) -> None:
        super().close()
        if self.address:
            ip("neigh", "replace", THERE, "lladdr", self.address, "nud", "permanent", "dev", "deskqa")


def main(journal: Path) -> None:
    """Print how many messages there are, of how many ids, how often the script ran, and what the journal says."""
    redis_link.ANSWER_SECONDS = 2.0  # type: ignore[misc]
    ip("link", "set", "lo", "up")
    command = _SERVER.format(there=THERE, binary=redis_binary(), port=PORT)
    server = subprocess.Popen(["unshare", "-n", "sh", "-c", command], stdout=subprocess.DEVNULL, cwd=journal.parent)
    try:
        own = Path("/proc/self/ns/net").readlink()
        wait_until(lambda: Path(f"/proc/{server.pid}/ns/net").readlink() != own, 10, "a network of the server's own")
        ip("link", "add", "deskqa", "type", "veth", "peer", "name", "deskqb", "netns", str(server.pid))
        ip("addr", "add", HERE, "dev", "deskqa")
        ip("link", "set", "deskqa", "up")
        wait_until(answers, 20, "the server")
        profile = Profile.from_url(f"redis://{THERE}:{PORT}/0")
        plan = plan_send(Call(task="t", queue="emails", times=3), profile, now=0.0)
        with contextlib.closing(Journal(journal)) as kept:
            executor_for(plan, profile, kept, runner=lambda: PublishRunner(plan, profile, Publisher)).run(
                Confirmation(plan.id)
            )
            (action,) = kept.actions(plan.id)
        wait_until(given_up_are_gone, 60, "the given-up connection to end")
        with redis.Redis(host=THERE, port=PORT) as client:
            found: Sequence[Any] = client.lrange("emails", 0, -1)
            ran = client.info("commandstats")["cmdstat_evalsha"]["calls"]
        ids = {json.loads(raw)["headers"]["id"] for raw in found}
        print(json.dumps({"messages": len(found), "ids": len(ids), "ran": ran, "outcomes": action.outcomes}))
    finally:
        server.terminate()
        server.wait(10)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
