"""The steps of the connection test that are Redis's and Valkey's own."""

from __future__ import annotations

import contextlib
from typing import Final

import redis

from deskq.brokers.ports import BrokerError, PermissionRefused, Server
from deskq.brokers.redis.alarms import alarm_of
from deskq.brokers.redis.connection import mapped_errors, refuse_cluster, server_facts
from deskq.brokers.redis.event_source import RedisEventSource
from deskq.brokers.redis.link import connection_class
from deskq.brokers.redis.replies import client_of, close_client
from deskq.brokers.redis.rights import MAIN, RIGHTS, Use, refused_rights
from deskq.doctor.connection.probes import ProbeOutcome
from deskq.doctor.observed import Observed
from deskq.doctor.versions import is_older
from deskq.profiles import Profile, Safety

OLDEST: Final = (6,)


class RedisSteps:
    """See ServerSteps. Reads only; logs in to database 0 first, so that a database that is absent is its own step."""

    def __init__(self, profile: Profile, observed: Observed) -> None:
        self._profile = profile
        self._observed = observed
        self._client: redis.Redis | None = None
        self._database = 0

    def login(self) -> ProbeOutcome:
        """See ServerSteps."""
        with mapped_errors(self._profile):
            kind, arguments = connection_class(self._profile)
            self._database = int(arguments.get("db", 0))
            self._client = client_of(kind, {**arguments, "db": 0})
            with contextlib.suppress(redis.exceptions.NoPermissionError):  # then it knows who asks
                self._client.ping()
        user = arguments.get("username")
        place = ""
        if self._profile.by_sentinel:
            place = f" The master is {arguments['host']}:{arguments['port']}."
        if user:
            return ProbeOutcome("ok", f"As {user}.{place}")
        word = "By password." if self._profile.password else "Without a password."
        return ProbeOutcome("ok", word + place)

    def permission(self) -> ProbeOutcome:
        """Try all commands that deskq sends, without one that is carried out and changes something."""
        refused = refused_rights(self._profile, [Use.WATCH, *(use for use, _ in self._meant_for())])
        needed = [one.command for one in refused if Use.WATCH in one.uses and not one.without]
        watching = [one.command for one in RIGHTS if Use.WATCH in one.uses]
        if needed:
            raise PermissionRefused(
                f"The user lacks {', '.join(needed)}. Grant them with ACL SETUSER.",
                details=f"{len(watching) - len(needed)} of {len(watching)} are allowed.",
            )
        without: dict[str, list[str]] = {}
        for one in refused:
            if one.without:
                without.setdefault(one.without, []).append(one.command)
        told = [f"{' and '.join(commands)} is not, so {what}." for what, commands in without.items()]
        missing = []
        for use, main in self._meant_for():
            lacking = [one.command for one in refused if use in one.uses]
            if main in lacking:
                told.append(f"It may not {use.value}: that begins with {main}.")
            elif lacking:
                missing.append(f"To {use.value} the user also needs {', '.join(lacking)}.")
        remedy = " ".join([*missing, "Give it the permissions (ACL SETUSER)."]) if missing else ""
        return ProbeOutcome(
            "warning" if missing else "ok", " ".join(["What watching needs is allowed.", *told]), remedy
        )

    def _meant_for(self) -> list[tuple[Use, str]]:
        """What else the profile lets its user do, and the command that shows whether that is meant."""
        asks = [] if self._profile.silent else [(Use.ASK, MAIN[Use.ASK])]
        return asks if self._profile.safety is Safety.READ_ONLY else [*asks, (Use.SEND, MAIN[Use.SEND])]

    def server(self) -> ProbeOutcome:
        """See ServerSteps."""
        with mapped_errors(self._profile):
            facts = server_facts(self._connected())
        refuse_cluster(facts, self._profile)
        product = "Valkey" if "valkey_version" in facts else "Redis"
        found = Server(product, str(facts.get("valkey_version") or facts.get("redis_version", "")))
        self._observed.server = found
        evidence = f"{found.product} {found.version}, {facts.get('redis_mode') or 'standalone'}"
        if not found.version:
            return ProbeOutcome(
                "warning", f"{product}, of an unknown version.", "Allow the user INFO, or HELLO (ACL SETUSER)."
            )
        if product == "Redis" and is_older(found.version, OLDEST):
            return ProbeOutcome("warning", evidence, "Upgrade it: deskq needs Redis 6 or later.")
        return ProbeOutcome("ok", evidence)

    def database(self) -> ProbeOutcome:
        """See ServerSteps."""
        server = self._connected()
        with mapped_errors(self._profile):
            try:
                server.execute_command("SELECT", self._database)
            except redis.exceptions.NoPermissionError:
                raise
            except redis.ResponseError as error:
                raise BrokerError(
                    f"Database {self._database} does not exist. Check the number at the end of the URL, or raise "
                    "“databases” in the server's configuration.",
                    details=str(error),
                ) from None
        return ProbeOutcome("ok", f"Database {self._database}.")

    def messages(self) -> ProbeOutcome:
        """See ServerSteps."""
        with mapped_errors(self._profile):
            facts = server_facts(self._connected())
        alarm = self._observed.alarm = alarm_of(facts)
        if alarm is not None:
            return ProbeOutcome("warning", alarm.what, alarm.remedy)
        if "used_memory" not in facts:
            return ProbeOutcome("skipped", "Unknown: the user lacks INFO.")
        return ProbeOutcome("ok", "Not a replica, and memory is free.")

    def events(self) -> RedisEventSource:
        """See ServerSteps."""
        return RedisEventSource(self._profile)

    def close(self) -> None:
        """See ServerSteps."""
        if self._client is not None:
            close_client(self._client)
            self._client = None

    def _connected(self) -> redis.Redis:
        if self._client is None:
            raise BrokerError("The connection was lost. Run the test again.")
        return self._client
