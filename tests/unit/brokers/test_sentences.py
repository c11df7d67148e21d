"""What servers and libraries say, as sentences for people: those that take long to provoke for real."""

from __future__ import annotations

import pika.exceptions
import pytest
import redis

from deskq.brokers.ports import BrokerError, ConnectionLost, PermissionRefused, Unanswered
from deskq.brokers.rabbitmq import connection as rabbitmq_connection
from deskq.brokers.redis import connection as redis_connection
from deskq.brokers.tls import tls_sentence
from deskq.profiles import Profile

REDIS = Profile.from_url("redis://:hidden@h:6379/3")
RABBIT = Profile.from_url("amqp://u:hidden@h:5672/shop")


@pytest.mark.parametrize(
    ("error", "kind", "says"),
    [
        (redis.BusyLoadingError("Redis is loading the dataset in memory"), ConnectionLost, "still loading its data"),
        (redis.ResponseError("MASTERDOWN Link with MASTER is down"), ConnectionLost, "a replica that lost its master"),
        (
            redis.ConnectionError("max number of clients reached"),
            ConnectionLost,
            "reached its maximum number of clients",
        ),
        (
            redis.ResponseError("DENIED Redis is running in protected mode. More"),
            PermissionRefused,
            "refuses connections",
        ),
        (redis.ResponseError("ERR DB index is out of range"), PermissionRefused, "has no database 3"),
        (redis.TimeoutError("Timeout reading from socket"), Unanswered, "h:6379 does not respond"),
        (
            redis.ResponseError("unknown command 'SENTINEL', with args beginning with: "),
            BrokerError,
            "is not a Sentinel",
        ),
        (
            redis.ResponseError(
                "The user executing the script can't run this command or subcommand script: 5c, on @user_script:6."
            ),
            PermissionRefused,
            "denied access: The user executing the script can't run this command or subcommand. Grant",
        ),
        (
            redis.ResponseError(
                "ACL failure in script: User anna has no permissions to run the 'set' command script: 5c"
            ),
            PermissionRefused,
            "denied access: User anna has no permissions to run the 'set' command. Grant the user this permission",
        ),
        (redis.ResponseError("ERR something new"), BrokerError, "h:6379 replied: ERR something new"),
    ],
)
def test_redis(error: Exception, kind: type[BrokerError], says: str) -> None:
    found = redis_connection.mapped_error(error, REDIS)
    assert type(found) is kind
    assert says in str(found)
    assert "hidden" not in str(found)


@pytest.mark.parametrize(
    ("error", "kind", "says"),
    [
        # While RabbitMQ starts, a virtual host may be known and not yet up: to be tried again.
        (
            pika.exceptions.ConnectionClosedByBroker(
                541, "INTERNAL_ERROR - access to vhost 'shop' refused: vhost is down"
            ),
            ConnectionLost,
            "“shop” of h:5672 is down",
        ),
        (
            pika.exceptions.ConnectionClosedByBroker(320, "CONNECTION_FORCED - shutdown"),
            ConnectionLost,
            "h:5672 closed the connection: CONNECTION_FORCED - shutdown.",
        ),
        (pika.exceptions.AMQPHeartbeatTimeout("no answer in time"), Unanswered, "h:5672 does not respond"),
        (
            pika.exceptions.ChannelClosedByBroker(403, "ACCESS_REFUSED - access to queue 'q' in vhost 'shop' refused"),
            PermissionRefused,
            "denied access in “shop” (access to queue 'q')",
        ),
        (
            pika.exceptions.StreamLostError("Stream connection lost: ConnectionResetError(104)"),
            ConnectionLost,
            "h:5672 closed the connection without a reason",
        ),
    ],
)
def test_rabbitmq(error: Exception, kind: type[BrokerError], says: str) -> None:
    found = rabbitmq_connection.mapped_error(error, RABBIT)
    assert type(found) is kind
    assert says in str(found)
    assert "hidden" not in str(found)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("certificate verify failed: certificate has expired", "has expired"),
        ("certificate verify failed: certificate is not yet valid", "Check the clocks"),
        ("[SSL: TLSV1_ALERT_UNKNOWN_CA] tlsv1 alert unknown ca", "does not accept the profile"),
        ("[SSL: UNSUPPORTED_PROTOCOL] unsupported protocol", "Enable TLS 1.2 or newer"),
        ("something new", "TLS with h:1 failed: something new."),
    ],
)
def test_tls(text: str, says: str) -> None:
    assert says in tls_sentence(text, "h:1", plain="amqp")
