"""A real sentinel beside a real Redis."""

from __future__ import annotations

import os

import redis

from tests.support.installed_servers import redis_binary
from tests.support.processes import free_port
from tests.support.servers import RedisServer, Server


class RedisSentinel(Server):
    """A sentinel that watches a master under the name "shop"; ``password``: its own, "" for none."""

    def __init__(self, master: RedisServer, password: str = "") -> None:
        self._binary = redis_binary("redis")
        super().__init__()
        self.master, self.port, self.password = master, free_port(), password

    def _launch(self) -> None:
        configuration = self.directory / "sentinel.conf"
        lines = [f"port {self.port}", "bind 127.0.0.1", f"sentinel monitor shop 127.0.0.1 {self.master.port} 1"]
        if self.master.password:
            lines.append(f"sentinel auth-pass shop {self.master.password}")
        if self.password:
            lines.append(f"requirepass {self.password}")
        configuration.write_text("\n".join([*lines, ""]))
        self._spawn([self._binary, configuration, "--sentinel"], "sentinel", dict(os.environ))

    def _answers(self) -> bool:
        try:
            with redis.Redis(port=self.port, password=self.password or None) as asking:
                return bool(asking.ping())
        except (redis.ConnectionError, redis.TimeoutError):
            return False
