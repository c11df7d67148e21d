"""Whatever keeps deskq from a broker is one sentence that says what to do."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from deskq.brokers.opening import open_broker
from deskq.brokers.ports import (
    BrokerError,
    ConnectionLost,
    LoginRefused,
    PermissionRefused,
    Refused,
    TlsFailed,
    Unanswered,
)
from deskq.profiles import Profile
from deskq.profiles.profile import Tls
from tests.support.certificates import Certificates
from tests.support.events import send_events
from tests.support.recording import deskq
from tests.support.servers import RabbitServer, RedisServer
from tests.support.waiting import wait_until

SECRET = "s3cr3t-word"
Start = Callable[[Callable[[], RedisServer]], RedisServer]


def refusal(url: str, *, tls: Tls | None = None, events_only: bool = False) -> BrokerError:
    """What subscribing raises; asking the server must raise the same kind of thing."""
    profile = Profile.from_url(url, tls=tls or Tls(), management_url="http://127.0.0.1:1")
    broker = open_broker(profile)
    source = broker.event_source()
    with pytest.raises(BrokerError) as raised:
        source.connect()
    source.close()
    if not events_only:
        with pytest.raises(type(raised.value)):
            broker.server()
    broker.close()
    text = str(raised.value)
    assert SECRET not in text
    assert text.endswith(".")
    assert "\n" not in text
    assert "Error" not in text  # no exception's name
    return raised.value


def client_tls(certificates: Certificates) -> Tls:
    client = certificates.client
    return Tls(ca=str(certificates.ca), certificate=str(client.certificate), key=str(client.key))


@pytest.fixture(scope="module")
def tls_redis(certificates: Certificates, needs: Start) -> Iterator[RedisServer]:
    """It asks clients for a certificate."""
    with needs(lambda: RedisServer(tls=certificates, client_certificates=True, shared=True).start()) as server:
        with server.new_client() as client:
            for name, channels, commands in (
                ("deaf", ["*"], ["+@all", "-psubscribe"]),
                ("elsewhere", ["other*"], ["+@all"]),
            ):
                client.acl_setuser(
                    name, enabled=True, passwords=["+right"], keys="*", channels=channels, commands=commands
                )
        yield server


REDIS: list[tuple[str, type[BrokerError], str]] = [
    ("redis://:{secret}@127.0.0.1:{port}/0", LoginRefused, r"refused the password. Check user and password"),
    ("redis://nobody:{secret}@127.0.0.1:{port}/0", LoginRefused, r"refused the password"),
    ("redis://:{secret}@127.0.0.1:1/0", Refused, r"Nothing is listening on 127.0.0.1:1. Check host and port"),
    ("redis://no-such-host.invalid/0", Refused, r"Unknown host “no-such-host.invalid”. Check the spelling"),
    ("redis://127.0.0.1:{port}/99", PermissionRefused, r"has no database 99. End the URL with"),
    ("redis://127.0.0.1:{port}/99999999999999999999", PermissionRefused, r"has no database 9+. End the URL with"),
    ("redis://127.0.0.1:{port}/orders", BrokerError, r"“orders” is not a database number. End the URL"),
    ("rediss://127.0.0.1:{port}/0", Unanswered, r"does not respond. This port may not use TLS"),
    ("redis://127.0.0.1:{tls_port}/0", ConnectionLost, r"expects TLS: then use rediss://"),
    ("rediss://127.0.0.1:{tls_port}/0", TlsFailed, r"an unknown issuer. Set the CA file"),
]


def test_a_password_that_was_never_given_is_not_called_refused(
    needs: Callable[[Callable[[], RedisServer]], RedisServer],
) -> None:
    with needs(lambda: RedisServer(password="right")) as server:
        error = refusal(f"redis://127.0.0.1:{server.port}/0")
        assert type(error) is LoginRefused
        _matches(r"requires a password, and .* has none. Set one", error)


@pytest.mark.parametrize(("url", "kind", "says"), REDIS)
def test_redis(url: str, kind: type[BrokerError], says: str, tls_redis: RedisServer) -> None:
    slow = kind is Unanswered and url.startswith("rediss")  # each try takes its deadline
    error = refusal(url.format(port=tls_redis.port, tls_port=tls_redis.tls_port, secret=SECRET), events_only=slow)
    assert type(error) is kind
    _matches(says, error)


@pytest.mark.parametrize(
    ("user", "says"), [("deaf", "run the 'psubscribe' command. Grant the user"), ("elsewhere", "one of the channels")]
)
def test_redis_without_the_permission(user: str, says: str, tls_redis: RedisServer) -> None:
    error = refusal(f"redis://{user}:right@127.0.0.1:{tls_redis.port}/0", events_only=True)
    assert type(error) is PermissionRefused
    _matches(says, error)


def test_redis_and_certificates(tls_redis: RedisServer, certificates: Certificates, needs: Start) -> None:
    url = f"rediss://127.0.0.1:{tls_redis.tls_port}/0"
    right = open_broker(Profile.from_url(url, tls=client_tls(certificates)))
    assert right.server().product in {"Redis", "Valkey"}
    right.close()
    _matches("require a client certificate", refusal(url, tls=Tls(ca=str(certificates.ca))))
    for pair, says in (
        (certificates.expired, "has expired. Renew it"),
        (certificates.wrong_name, "is not valid for 127.0.0"),
    ):

        def make(pair: Any = pair) -> RedisServer:
            return RedisServer(tls=certificates, certificate=pair)

        with needs(make) as server:
            error = refusal(f"rediss://127.0.0.1:{server.tls_port}/0", tls=Tls(ca=str(certificates.ca)))
        assert type(error) is TlsFailed
        _matches(says, error)


RABBIT: list[tuple[str, type[BrokerError], str]] = [
    ("amqp://guest:{secret}@127.0.0.1:{port}//", LoginRefused, r"refused the login. Check user and password"),
    ("amqp://nobody:{secret}@127.0.0.1:{port}//", LoginRefused, r"refused the login"),
    ("amqp://nobody@127.0.0.1:{port}//", LoginRefused, r"requires a password, and .* has none. Set one"),
    ("amqp://guest:{secret}@127.0.0.1:1//", Refused, r"Nothing is listening on 127.0.0.1:1. Check host and port"),
    ("amqp://no-such-host.invalid//", Refused, r"Unknown host “no-such-host.invalid”. Check the spelling"),
    ("amqp://guest:guest@127.0.0.1:{port}/nowhere", PermissionRefused, r"no virtual host “nowhere” .* end of the URL"),
    ("amqps://guest:guest@127.0.0.1:{port}//", TlsFailed, r"does not speak TLS. Use amqp:// in the URL"),
    (
        "amqp://guest:guest@127.0.0.1:{tls_port}//",
        BrokerError,
        r"is not a RabbitMQ server. .* use amqps:// if it speaks TLS",
    ),
    ("amqps://guest:guest@127.0.0.1:{tls_port}//", TlsFailed, r"an unknown issuer. Set the CA file"),
]


@pytest.mark.parametrize(("url", "kind", "says"), RABBIT)
def test_rabbitmq(url: str, kind: type[BrokerError], says: str, own_rabbit: RabbitServer) -> None:
    error = refusal(url.format(port=own_rabbit.port, tls_port=own_rabbit.tls_port, secret=SECRET))
    assert type(error) is kind
    _matches(says, error)


@pytest.mark.parametrize(
    ("configure", "read", "says"),
    [
        ("^$", ".*", r"access to queue 'deskq\..*Grant configure and write"),
        (".*", "^$", r"access to .*Grant configure and write .*, read on"),
    ],
)
def test_rabbitmq_without_the_permission(configure: str, read: str, says: str, own_rabbit: RabbitServer) -> None:
    send_events(own_rabbit.url)  # declares the exchange
    own_rabbit.management("PUT", "/api/users/narrow", {"password": "x", "tags": ""})
    try:
        own_rabbit.management(
            "PUT", "/api/permissions/%2F/narrow", {"configure": configure, "write": ".*", "read": read}
        )
        error = refusal(own_rabbit.url.replace("guest:guest", "narrow:x"), events_only=True)
    finally:
        own_rabbit.management("DELETE", "/api/users/narrow")
    assert type(error) is PermissionRefused
    _matches(says, error)


def test_rabbitmq_and_certificates(own_rabbit: RabbitServer, certificates: Certificates) -> None:
    url = f"amqps://guest:guest@127.0.0.1:{own_rabbit.tls_port}//"
    right = open_broker(Profile.from_url(url, tls=client_tls(certificates)))
    assert right.server().product == "RabbitMQ"
    right.close()
    _matches("require a client certificate", refusal(url, tls=Tls(ca=str(certificates.ca))))
    try:
        for pair, says in (
            (certificates.expired, "has expired. Renew it"),
            (certificates.wrong_name, "is not valid for 127.0.0"),
        ):
            own_rabbit.present(pair)
            error = refusal(url, tls=client_tls(certificates))
            assert type(error) is TlsFailed
            _matches(says, error)
    finally:
        own_rabbit.present(certificates.server)


@pytest.mark.parametrize(("fixture", "url"), [("tls_redis", "rediss://{place}/0"), ("own_rabbit", "amqps://{place}//")])
def test_events_come_over_tls(
    fixture: str, url: str, certificates: Certificates, request: pytest.FixtureRequest
) -> None:
    server: RedisServer | RabbitServer = request.getfixturevalue(fixture)
    profile = Profile.from_url(url.format(place=f"127.0.0.1:{server.tls_port}"), tls=client_tls(certificates))
    source = open_broker(profile).event_source()
    source.connect()
    sent = set(send_events(server.url, 200, size=1_000))
    seen: set[str | None] = set()

    def complete() -> bool:
        for payload in source.read(0.1):
            seen.update(event.uuid for event in source.decode(payload))
        return sent <= seen

    wait_until(complete, 20, "the events")
    source.close()


@pytest.mark.parametrize("scheme", ["rediss", "amqps"])
def test_files_that_cannot_be_used(scheme: str, certificates: Certificates, tmp_path: Path) -> None:
    garbage = tmp_path / "garbage.pem"
    garbage.write_text("no certificate")
    client, ca = certificates.client, str(certificates.ca)
    for tls, says in (
        (Tls(ca=str(tmp_path / "none.pem")), "Cannot read the CA file .*none.pem”: No such file"),
        (Tls(ca=str(garbage)), "garbage.pem” contains no certificate. Set the CA file"),
        (Tls(ca=ca, certificate=str(garbage), key=str(client.key)), "are not a matching certificate and key"),
        (
            Tls(ca=ca, certificate=str(client.certificate), key=str(certificates.server.key)),
            "not a matching certificate",
        ),
    ):
        error = refusal(f"{scheme}://127.0.0.1:1/0", tls=tls)
        assert type(error) is TlsFailed
        _matches(says, error)


def test_a_refused_login_is_not_tried_again(own_redis: RedisServer, tmp_path: Path) -> None:
    url = f"redis://nobody:{SECRET}@127.0.0.1:{own_redis.port}/0"
    result = deskq("record", url, "--history", str(tmp_path / "h.sqlite"))
    assert result.returncode == 2
    assert "refused the password" in result.stderr
    assert SECRET not in result.stderr + result.stdout
    with own_redis.new_client() as client:
        assert [entry["count"] for entry in client.acl_log()] == [1]


def _matches(says: str, error: BrokerError) -> None:
    with pytest.raises(BrokerError, match=says):
        raise error
