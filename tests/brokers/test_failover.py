"""Lists of brokers (``amqp://one;amqp://two``), as kombu takes them for failover: the next is used where one fails."""

from __future__ import annotations

from contextlib import closing

import pytest

from deskq.brokers.opening import open_broker, open_publisher
from deskq.brokers.ports import Refused
from deskq.brokers.publishing import OutgoingMessage
from deskq.brokers.remote_control import RemoteControl
from deskq.profiles import Profile
from deskq.protocol.message import RawMessage
from tests.support.celery_worker import CeleryWorker
from tests.support.processes import free_port


def dead_of(url: str) -> str:
    """The same where nothing listens, with another password."""
    scheme, _, rest = url.partition("://")
    place, slash, path = rest.rpartition("@")[2].partition("/")
    host = place.rpartition(":")[0]
    return f"{scheme}://anna:an%3Bother@{host}:{free_port()}{slash}{path}"


@pytest.mark.parametrize("first", ["dead", "alive"])
@pytest.mark.parametrize("kind", ["rabbit_vhost_url", "redis_url"])
def test_the_first_that_answers_is_used_for_everything(request: pytest.FixtureRequest, kind: str, first: str) -> None:
    url = request.getfixturevalue(kind)
    urls = [dead_of(url), url] if first == "dead" else [url, dead_of(url)]
    profile = Profile.from_url(";".join(urls))
    with CeleryWorker(url):
        with closing(open_broker(profile)) as broker:
            source = broker.event_source()
            source.connect()
            source.close()
            assert broker.server().version
        remote = RemoteControl(profile)
        assert remote.inspect("ping")
        remote.close()
        publisher = open_publisher(profile)
        publisher.check()
        (answer,) = publisher.publish(
            [OutgoingMessage("a1", "celery", RawMessage(b"x", "text/plain", "utf-8", {}, {}))]
        )
        publisher.close()
    assert answer.sent


@pytest.mark.parametrize("scheme", ["amqp", "redis"])
def test_all_that_fail_are_named(scheme: str) -> None:
    profile = Profile.from_url(";".join(f"{scheme}://127.0.0.1:{free_port()}" for _ in range(2)))
    with closing(open_broker(profile)) as broker, pytest.raises(Refused) as raised:
        broker.server()
    for one in profile.alternatives():
        assert one.url.partition("://")[2] in str(raised.value)
