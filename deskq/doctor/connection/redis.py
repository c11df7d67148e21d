"""The steps of the connection test that are Redis's and Valkey's own."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import Any, Final

import redis

from deskq.brokers.ports import BrokerError, PermissionRefused, Server
from deskq.brokers.redis.alarms import alarm_of
from deskq.brokers.redis.broker import BINDING_KEYS
from deskq.brokers.redis.connection import refuse_cluster, server_facts, translated
from deskq.brokers.redis.event_source import RedisEventSource, channels
from deskq.brokers.redis.link import ANSWER_SECONDS, connection_class
from deskq.brokers.redis.replies import client_of, close_client
from deskq.doctor.connection.probes import Outcome
from deskq.doctor.observed import Observed
from deskq.doctor.versions import is_older
from deskq.profiles import Profile

OLDEST: Final = (6,)


class RedisSteps:
    """See ServerSteps. Reads only; logs in to database 0 first, so that a database that is absent is its own step."""

    def __init__(self, profile: Profile, observed: Observed) -> None:
        self._profile = profile
        self._observed = observed
        self._client: redis.Redis | None = None
        self._database = 0

    def login(self) -> Outcome:
        """See ServerSteps."""
        with translated(self._profile):
            kind, arguments = connection_class(self._profile)
            self._database = int(arguments.get("db", 0))
            self._client = client_of(kind, {**arguments, "db": 0})
            with contextlib.suppress(redis.exceptions.NoPermissionError):  # then it knows who asks
                self._client.ping()
        user = arguments.get("username")
        place = ""
        if self._profile.scheme in ("sentinel", "redis+sentinel"):
            place = f" The master is {arguments['host']}:{arguments['port']}."
        if user:
            return Outcome("ok", f"As {user}.{place}")
        word = "By password." if self._profile.password else "Without a password."
        return Outcome("ok", word + place)

    def permission(self) -> Outcome:
        """Do once, harmlessly, all that deskq does; what is refused is named."""
        prefix = self._profile.redis.global_keyprefix
        unacked = prefix + self._profile.redis.unacked_key
        asked: dict[str, Callable[[redis.Redis], Any]] = {
            "SCAN": lambda server: server.scan(0, match=f"{prefix}{BINDING_KEYS}none", count=1),
            "LLEN": lambda server: server.llen(prefix + "celery"),
            "SMEMBERS": lambda server: server.smembers(f"{prefix}{BINDING_KEYS}celery"),
            "HLEN": lambda server: server.hlen(unacked),
            "HSCAN": lambda server: server.hscan(unacked, count=1),
            "MEMORY USAGE": lambda server: server.memory_usage(unacked),
        }
        refused: list[str] = []
        with translated(self._profile):
            for name, ask in asked.items():
                try:
                    ask(self._connected())
                except redis.exceptions.NoPermissionError:
                    refused.append(name)
            seen = "" if self._may_info() else " INFO is not, so the server's memory is unknown."
            if not self._subscribes():
                refused.append("SUBSCRIBE or PSUBSCRIBE to the channel of events")
        if refused:
            raise PermissionRefused(
                f"The user may not {', '.join(refused)}. Give it the permissions (ACL SETUSER).",
                details=f"{len(asked) + 1 - len(refused)} of {len(asked) + 1} are allowed.",
            )
        return Outcome("ok", f"{', '.join(asked)}, SUBSCRIBE and PSUBSCRIBE are allowed.{seen}")

    def server(self) -> Outcome:
        """See ServerSteps."""
        with translated(self._profile):
            facts = server_facts(self._connected())
        refuse_cluster(facts, self._profile)
        product = "Valkey" if "valkey_version" in facts else "Redis"
        found = Server(product, str(facts.get("valkey_version") or facts.get("redis_version", "")))
        self._observed.server = found
        evidence = f"{found.product} {found.version}, {facts.get('redis_mode') or 'standalone'}"
        if not found.version:
            return Outcome(
                "warning", f"{product}, of an unknown version.", "Allow the user INFO, or HELLO (ACL SETUSER)."
            )
        if product == "Redis" and is_older(found.version, OLDEST):
            return Outcome("warning", evidence, "Upgrade it: deskq is made for Redis 6 and later.")
        return Outcome("ok", evidence)

    def database(self) -> Outcome:
        """See ServerSteps."""
        server = self._connected()
        with translated(self._profile):
            try:
                server.execute_command("SELECT", self._database)
            except redis.exceptions.NoPermissionError:
                raise
            except redis.ResponseError as error:
                raise BrokerError(
                    f"There is no database {self._database}. Check the number at the end of the URL, "
                    "or raise “databases” in the server's configuration.",
                    details=str(error),
                ) from None
        return Outcome("ok", f"Database {self._database}.")

    def messages(self) -> Outcome:
        """See ServerSteps."""
        with translated(self._profile):
            facts = server_facts(self._connected())
        alarm = self._observed.alarm = alarm_of(facts)
        if alarm is not None:
            return Outcome("warning", alarm.what, alarm.remedy)
        if "used_memory" not in facts:
            return Outcome("skipped", "The user may not use INFO, which would show it.")
        return Outcome("ok", "It is not a replica, and there is memory.")

    def events(self) -> RedisEventSource:
        """See ServerSteps."""
        return RedisEventSource(self._profile)

    def close(self) -> None:
        """See ServerSteps."""
        if self._client is not None:
            close_client(self._client)
            self._client = None

    def _may_info(self) -> bool:
        try:
            self._connected().info("server")
        except redis.exceptions.NoPermissionError:
            return False
        return True

    def _subscribes(self) -> bool:
        channel, pattern = channels(self._profile)
        with self._connected().pubsub() as subscription:
            subscription.subscribe(channel)
            subscription.psubscribe(pattern)
            try:
                for _ in range(2):
                    if subscription.get_message(timeout=ANSWER_SECONDS) is None:
                        raise redis.TimeoutError("no answer to SUBSCRIBE")
            except redis.exceptions.NoPermissionError:
                return False
        return True

    def _connected(self) -> redis.Redis:
        if self._client is None:
            raise BrokerError("There is no connection: test it again.")
        return self._client
