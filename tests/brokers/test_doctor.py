"""The connection test and the doctor on real servers and a real worker."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec
import pika
import pytest

from deskq.brokers.opening import open_broker
from deskq.brokers.ports import BrokerError
from deskq.brokers.redis.event_source import RedisEventSource
from deskq.doctor.advice.general import examine
from deskq.doctor.connection.steps import examine_connection
from deskq.doctor.finding import Finding, ProbedStep, is_fine
from deskq.profiles import Profile, RedisOptions, Safety, Secret
from tests.support.celery_worker import CeleryWorker
from tests.support.processes import free_port
from tests.support.redis_cluster import RedisCluster
from tests.support.sample_app import sample_client
from tests.support.servers import RabbitServer, RedisServer
from tests.support.waiting import wait_until

GOOD = {"result_expires": 86_400, "worker_send_task_events": True}
KEYS = [
    *(
        "host",
        "tcp",
        "tls",
        "login",
        "permission",
        "server",
        "database",
        "messages",
        "workers",
        "events",
        "task-events",
    ),
]


def never() -> bool:
    return False


def steps_of(profile: Profile) -> dict[str, ProbedStep]:
    steps = list(examine_connection(profile, cancelled=never))
    assert [step.key for step in steps] == KEYS
    return {step.key: step for step in steps}


def examined(profile: Profile) -> tuple[dict[str, ProbedStep], dict[str, Finding]]:
    reported = list(examine(profile, history=None, cancelled=never))
    steps = {one.key: one for one in reported if isinstance(one, ProbedStep)}
    return steps, {one.key: one for one in reported if isinstance(one, Finding)}


def states(steps: dict[str, ProbedStep]) -> dict[str, str]:
    return {key: step.state for key, step in steps.items()}


@contextmanager
def work_going_on(client: Any, queue: str = "celery") -> Iterator[None]:
    """A task every 200 ms, as anywhere where workers have work."""
    end = threading.Event()

    def send() -> None:
        while not end.wait(0.2):
            client.send_task("sample.add", (1, 2), queue=queue)

    thread = threading.Thread(target=send)
    thread.start()
    try:
        yield
    finally:
        end.set()
        thread.join()


def test_valkey_tells_its_name(valkey_url: str) -> None:
    steps = steps_of(Profile.from_url(valkey_url, silent=True))
    assert steps["server"].evidence.startswith("Valkey ")


@pytest.mark.parametrize("fixture", ["redis_url", "rabbit_vhost_url"])
def test_all_is_well(fixture: str, request: pytest.FixtureRequest, rabbit_server: RabbitServer) -> None:
    url = request.getfixturevalue(fixture)
    management = rabbit_server.management_url if fixture == "rabbit_vhost_url" else None
    profile = Profile.from_url(url, management_url=management)
    with CeleryWorker(url, pool="threads", config=GOOD) as worker:
        found = states(steps_of(profile))
        assert found.pop("tls") == "skipped"
        assert set(found.values()) == {"ok"}
        steps, findings = examined(profile)
    assert is_fine([*steps.values(), *findings.values()])
    assert {one.level for one in findings.values()} == {"ok"}
    assert worker.hostname in steps["workers"].evidence
    assert steps["server"].evidence.split()[0] in ("Redis", "Valkey", "RabbitMQ")  # Valkey where there is no Redis
    assert {"clock", "heartbeats", "duplicate-name", "no-consumer", "no-queue", "task-events"} <= set(findings)
    if url.startswith("redis"):
        assert {"eviction", "visibility"} <= set(findings)
    else:
        assert {"management", "event-queues"} <= set(findings)


def test_a_wrong_password(needs: Callable[[Callable[[], RedisServer]], RedisServer]) -> None:
    with needs(lambda: RedisServer(password="s3same")) as server:
        for password, says in (
            ("wr0ng-c4n4ry", "refused the password"),
            ("", "requires a password"),
        ):
            profile = Profile.from_url(f"redis://127.0.0.1:{server.port}/0", password=Secret(password))
            steps = steps_of(profile)
            assert (steps["tcp"].state, steps["login"].state) == ("ok", "failed")
            assert says in steps["login"].remedy
            assert {steps[key].state for key in KEYS[4:]} == {"skipped"}
            assert "c4n4ry" not in str(steps)
        assert steps_of(Profile.from_url(server.url))["database"].state == "ok"


def test_a_wrong_password_at_rabbitmq(rabbit_server: RabbitServer) -> None:
    profile = Profile.from_url(rabbit_server.url.replace("guest:guest", "guest:wr0ng-c4n4ry"))
    steps = steps_of(profile)
    assert steps["login"].state == "failed"
    assert "refused the login" in steps["login"].remedy
    assert "c4n4ry" not in str(steps)


def test_a_virtual_host_that_is_not_there(rabbit_server: RabbitServer) -> None:
    steps = steps_of(Profile.from_url(rabbit_server.url_of("nowhere")))
    assert (steps["login"].state, steps["database"].state, steps["workers"].state) == ("ok", "failed", "skipped")
    assert "no virtual host “nowhere”" in steps["database"].remedy


def test_a_database_that_is_not_there(redis_server: RedisServer) -> None:
    steps = steps_of(Profile.from_url(redis_server.url_of(64)))
    assert (steps["login"].state, steps["permission"].state) == ("ok", "ok")
    assert (steps["database"].state, steps["workers"].state) == ("failed", "skipped")
    assert "Database 64 does not exist" in steps["database"].remedy


@pytest.mark.parametrize("scheme", ["redis", "rediss", "amqp", "amqps"])
def test_a_dead_port_and_an_unknown_host(scheme: str) -> None:
    steps = steps_of(Profile.from_url(f"{scheme}://127.0.0.1:{free_port()}"))
    assert (steps["host"].state, steps["tcp"].state) == ("ok", "failed")
    assert "Nothing is listening on 127.0.0.1" in steps["tcp"].remedy
    assert {steps[key].state for key in KEYS[2:]} == {"skipped"}
    steps = steps_of(Profile.from_url(f"{scheme}://no-such-host.invalid"))
    assert steps["host"].state == "failed"
    assert "Unknown host “no-such-host.invalid”" in steps["host"].remedy
    assert {steps[key].state for key in KEYS[1:]} == {"skipped"}


def test_another_protocol_on_the_port(redis_server: RedisServer, rabbit_server: RabbitServer) -> None:
    port = f"127.0.0.1:{rabbit_server.port}"
    assert "is not a Redis" in steps_of(Profile.from_url(f"redis://{port}/0"))["login"].remedy
    assert "does not speak TLS" in steps_of(Profile.from_url(f"amqps://{port}"))["tls"].remedy
    assert steps_of(Profile.from_url(f"rediss://127.0.0.1:{redis_server.port}/0"))["tls"].state == "failed"


def test_a_frozen_server_is_given_up(needs: Callable[[Callable[[], RedisServer]], RedisServer]) -> None:
    with needs(RedisServer) as server:
        server.freeze()
        steps = steps_of(Profile.from_url(server.url))
        server.thaw()
    assert (steps["tcp"].state, steps["login"].state) == ("ok", "failed")
    assert "does not respond" in steps["login"].remedy


def test_what_a_user_of_redis_may_not(redis_url: str, redis_server: RedisServer) -> None:
    with redis_server.new_client() as admin:
        admin.execute_command(
            "ACL", "SETUSER", "anna", "on", ">c4n4ry-pw", "~*", "&*", "+@all", "-hscan", "-psubscribe"
        )
        try:
            url = redis_url.replace("redis://", "redis://anna:c4n4ry-pw@")
            steps = steps_of(Profile.from_url(url))
        finally:
            admin.execute_command("ACL", "DELUSER", "anna")
    assert (steps["login"].state, steps["login"].evidence) == ("ok", "As anna.")
    assert steps["permission"].state == "failed"
    assert "lacks PSUBSCRIBE, HSCAN." in steps["permission"].remedy
    assert steps["events"].state == "skipped"
    assert "c4n4ry" not in str(steps)


def test_what_a_user_of_rabbitmq_may_not(rabbit_vhost_url: str, rabbit_server: RabbitServer) -> None:
    vhost = rabbit_vhost_url.rpartition("/")[2]
    rabbit_server.management("PUT", "/api/users/reader", {"password": "c4n4ry-pw", "tags": ""})
    try:
        rabbit_server.management(
            "PUT", f"/api/permissions/{vhost}/reader", {"configure": "^$", "write": "^$", "read": ".*"}
        )
        steps = steps_of(Profile.from_url(rabbit_vhost_url.replace("guest:guest", "reader:c4n4ry-pw")))
    finally:
        rabbit_server.management("DELETE", "/api/users/reader")
    assert steps["permission"].state == "failed"
    assert "reader is not permitted to declare a queue" in steps["permission"].remedy
    assert "c4n4ry" not in str(steps)


def test_events_that_are_off(redis_url: str) -> None:
    with (
        CeleryWorker(redis_url, pool="threads", events=False, config={"task_send_sent_event": False}) as worker,
        sample_client(redis_url) as client,
        work_going_on(client),
    ):
        steps, findings = examined(Profile.from_url(redis_url, safety=Safety.READ_ONLY))
    assert (steps["events"].state, steps["task-events"].state) == ("ok", "warning")
    assert findings["task-events"].level == "warning"
    assert worker.hostname in findings["task-events"].title
    assert findings["task-events"].setting == "worker_send_task_events = True"
    assert findings["sent-events"].setting == "task_send_sent_event = True"
    assert findings["result-expiry"].level == "advice"


def test_events_by_option_are_seen_when_there_is_work(rabbit_vhost_url: str) -> None:
    with (
        CeleryWorker(rabbit_vhost_url, pool="threads", events=True) as worker,
        sample_client(rabbit_vhost_url) as client,
        work_going_on(client),
    ):
        steps = steps_of(Profile.from_url(rabbit_vhost_url))
    assert (steps["task-events"].state, steps["task-events"].evidence) == ("ok", f"Enabled on {worker.hostname}.")


def test_redis_that_evicts(needs: Callable[[Callable[[], RedisServer]], RedisServer]) -> None:
    with needs(lambda: RedisServer(extra=("--maxmemory-policy", "allkeys-lru", "--maxmemory", "3mb"))) as server:
        _, findings = examined(Profile.from_url(server.url))
        assert findings["eviction"].level == "warning"
        assert "allkeys-lru" in findings["eviction"].evidence
        server.client().config_set("maxmemory", server.client().info("memory")["used_memory"] + 1_000)
        _, findings = examined(Profile.from_url(server.url))
        assert findings["memory"].level == "error"


def test_a_redis_cluster_is_refused_in_words(needs: Callable[[Callable[[], Any]], Any]) -> None:
    with needs(RedisCluster) as cluster:
        urls = [f"redis://127.0.0.1:{node.port}/0" for node in cluster.nodes]
        for url in urls:
            with (
                contextlib.closing(open_broker(Profile.from_url(url))) as broker,
                pytest.raises(BrokerError, match="kombu's transport for Redis does not support"),
            ):
                broker.server()
        told = [step.remedy for url in urls for step in steps_of(Profile.from_url(url)).values()]
        assert not [sentence for sentence in told if "MOVED" in sentence]
        assert len([sentence for sentence in told if "is a node of a Redis Cluster" in sentence]) >= len(urls)


def test_two_workers_of_one_name(redis_url: str) -> None:
    with (
        CeleryWorker(redis_url, pool="threads", hostname="same@name", config=GOOD),
        CeleryWorker(redis_url, pool="threads", hostname="same@name", config=GOOD),
    ):
        _, findings = examined(Profile.from_url(redis_url))
    assert (findings["duplicate-name"].level, findings["duplicate-name"].title) == (
        "error",
        "2 workers are named same@name",
    )


def test_two_workers_of_one_name_and_one_pid_as_in_containers(redis_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    decode = RedisEventSource.decode
    monkeypatch.setattr(
        RedisEventSource,
        "decode",
        lambda source, payload: [msgspec.structs.replace(event, pid=1) for event in decode(source, payload)],
    )
    with CeleryWorker(redis_url, pool="threads", hostname="same@name", config=GOOD):
        _, findings = examined(Profile.from_url(redis_url))
        assert findings["duplicate-name"].level == "ok"
        with CeleryWorker(redis_url, pool="threads", hostname="same@name", config=GOOD):
            _, findings = examined(Profile.from_url(redis_url))
    assert findings["duplicate-name"].title == "2 workers are named same@name"


def test_a_silent_profile_publishes_nothing(needs: Callable[[Callable[[], RedisServer]], RedisServer]) -> None:
    """Watched by MONITOR, with a live worker: what deskq's connections say, command by command."""
    with needs(RedisServer) as server, CeleryWorker(server.url, pool="threads", config=GOOD):
        seen: list[str] = []
        profile = Profile.from_url(server.url, silent=True)
        source = RedisEventSource(profile)
        source.connect()
        wait_until(lambda: source.read(0.5), what="a heartbeat: the worker has all its connections")
        source.close()
        with server.new_client() as watcher, watcher.monitor() as monitor:
            others = {client["addr"] for client in server.client().client_list()}
            steps, findings = examined(profile)
            server.client().echo("enough")
            while "ECHO enough" not in (command := monitor.next_command())["command"]:
                if f"{command['client_address']}:{command['client_port']}" not in others:
                    seen.append(command["command"])
    verbs = {command.split()[0].upper() for command in seen}
    assert {"PING", "SCAN", "SUBSCRIBE", "INFO"} <= verbs
    assert verbs <= {
        *("PING", "SCAN", "LLEN", "SMEMBERS", "HLEN", "HSCAN", "MEMORY", "INFO", "SUBSCRIBE", "PSUBSCRIBE", "SELECT"),
        *("CLIENT", "HELLO", "AUTH", "UNSUBSCRIBE", "PUNSUBSCRIBE"),
        *(
            "MULTI",
            "EXEC",
        ),  # around rights that are tried: of what is queued there, and given up, MONITOR shows nothing
    }
    assert steps["workers"].state == "not-asked"
    assert steps["settings"].state == "not-asked"
    assert steps["no-consumer"].state == "not-asked"
    assert steps["events"].state == "ok"
    assert findings["clock"].level == "ok"


def test_an_empty_rabbitmq_stays_empty(rabbit_vhost_url: str, rabbit_server: RabbitServer) -> None:
    vhost = rabbit_vhost_url.rpartition("/")[2]
    before = rabbit_server.management("GET", f"/api/exchanges/{vhost}")
    steps = steps_of(Profile.from_url(rabbit_vhost_url, silent=True))
    assert steps["events"].state == "warning"
    assert "exchange “celeryev” does not exist" in steps["events"].evidence
    assert {one["name"] for one in rabbit_server.management("GET", f"/api/exchanges/{vhost}")} == {
        one["name"] for one in before
    }
    with pika.BlockingConnection(pika.URLParameters(rabbit_vhost_url)):
        assert rabbit_server.management("GET", f"/api/queues/{vhost}") == []


def test_a_unix_socket(needs: Callable[[Callable[[], RedisServer]], RedisServer], deskq_home: Path) -> None:
    path = deskq_home / "r.sock"
    with needs(lambda: RedisServer(extra=("--unixsocket", str(path)))):
        steps = steps_of(Profile.from_url(f"redis+socket://{path}?virtual_host=3"))
    assert (steps["host"].state, steps["tcp"].state, steps["login"].state) == ("skipped", "ok", "ok")
    assert steps["database"].evidence == "Database 3."
    gone = steps_of(Profile.from_url(f"redis+socket://{path}?virtual_host=3"))
    assert (gone["tcp"].state, gone["login"].state) == ("failed", "skipped")


def test_another_transport_does_what_it_can() -> None:
    steps = steps_of(Profile.from_url("memory://"))
    assert (steps["host"].state, steps["login"].state, steps["permission"].state) == ("skipped", "ok", "skipped")
    assert steps["workers"].state == "warning"


def test_cancelling_ends_between_steps(redis_url: str) -> None:
    cancelled = threading.Event()
    steps = examine_connection(Profile.from_url(redis_url), cancelled=cancelled.is_set)
    assert [next(steps).key for _ in range(4)] == KEYS[:4]
    cancelled.set()
    assert list(steps) == []


def test_a_prefix_that_is_not_the_workers_is_found_out(redis_url: str) -> None:
    with CeleryWorker(redis_url, pool="threads", config={"global_keyprefix": "shop:", **GOOD}):
        wrong = steps_of(Profile.from_url(redis_url))
        right = steps_of(Profile.from_url(redis_url, redis=RedisOptions(global_keyprefix="shop:")))
    assert (wrong["workers"].state, wrong["events"].state) == ("warning", "warning")
    assert "key prefix" in wrong["workers"].remedy
    assert (right["workers"].state, right["events"].state, right["task-events"].state) == ("ok", "ok", "ok")
