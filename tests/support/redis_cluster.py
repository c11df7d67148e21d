"""A real Redis Cluster of three nodes."""

from __future__ import annotations

from types import TracebackType
from typing import Final, Self

import redis

from tests.support.processes import free_port
from tests.support.servers import RedisServer
from tests.support.waiting import wait_until

_NODES: Final = 3
_SLOTS: Final = 16_384


class RedisCluster:
    """Three primaries that share the slots; no replicas."""

    def __init__(self, *, password: str = "") -> None:
        self._buses = [free_port() for _ in range(_NODES)]
        self.nodes = [
            RedisServer(
                password=password,
                extra=("--cluster-enabled", "yes", "--cluster-port", str(bus)),
            )
            for bus in self._buses
        ]

    def __enter__(self) -> Self:
        try:
            for node in self.nodes:
                node.start()
            self._join()
        except BaseException:
            self.__exit__(None, None, None)
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        for node in self.nodes:
            node.stop()

    def client(self) -> redis.RedisCluster:
        """A client that the caller closes; answers are text."""
        first = self.nodes[0]
        return redis.RedisCluster(
            host="127.0.0.1", port=first.port, password=first.password or None, decode_responses=True
        )

    def _join(self) -> None:
        first, *others = self.nodes
        for number, node in enumerate(self.nodes):
            start, end = number * _SLOTS // _NODES, (number + 1) * _SLOTS // _NODES - 1
            node.client().execute_command("CLUSTER ADDSLOTSRANGE", start, end)
        for node, bus in zip(others, self._buses[1:], strict=True):
            first.client().execute_command("CLUSTER MEET", "127.0.0.1", node.port, bus)
        self.wait()

    def wait(self) -> None:
        """Returns when all nodes say that all slots are served."""
        wait_until(lambda: all(map(_complete, self.nodes)), 30, "the nodes to know each other")


def _complete(node: RedisServer) -> bool:
    told = node.client().execute_command("CLUSTER INFO")
    return isinstance(told, dict) and told["cluster_state"] == "ok"
