"""Where the login to RabbitMQ's management API goes, and where it never goes."""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
from collections.abc import Iterator

import pytest

from deskq.brokers.ports import BrokerError
from deskq.brokers.rabbitmq import management as rabbitmq_management
from deskq.brokers.rabbitmq.management import Management
from deskq.doctor.advice import rabbitmq as rabbitmq_advice
from deskq.profiles import Profile, Tls
from deskq.profiles.fields import problems
from tests.support.certificates import Certificates
from tests.support.processes import free_port

HOST = "127.0.0.77"  # loopback, and no server of another test listens there
PORTS = free_port(), free_port()
"""They stand for RabbitMQ's own ports, plain and with TLS, where this machine may have a server."""
LOGIN = b"Authorization"


@pytest.fixture
def own_ports(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rabbitmq_management, "PORT", PORTS[0])
    monkeypatch.setattr(rabbitmq_management, "TLS_PORT", PORTS[1])


@contextlib.contextmanager
def listener(port: int, context: ssl.SSLContext | None = None) -> Iterator[list[bytes]]:
    """Hear what is sent to a port; answers nothing."""
    heard: list[bytes] = []
    listening = socket.create_server((HOST, port))
    ended = threading.Event()

    def serve() -> None:
        while True:
            opened, _ = listening.accept()
            if ended.is_set():
                opened.close()
                return
            opened.settimeout(2)
            with contextlib.suppress(OSError):
                line = context.wrap_socket(opened, server_side=True) if context else opened
                with contextlib.closing(line):
                    heard.append(line.recv(4096))

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield heard
    finally:
        ended.set()
        socket.create_connection((HOST, port)).close()
        thread.join()
        listening.close()


@pytest.mark.usefixtures("own_ports")
@pytest.mark.parametrize(
    ("url", "tls", "says"),
    [
        (f"amqps://anna:c4n4ry@{HOST}//", Tls(), "No management API|not valid for|signed"),
        (f"amqps://anna:c4n4ry@{HOST}//", Tls(verify=False), "like https://HOST:TLS"),
        (f"amqp://anna:c4n4ry@{HOST}//", Tls(), "like http://HOST:PLAIN"),
    ],
)
def test_no_login_goes_to_a_port_that_the_profile_does_not_name(url: str, tls: Tls, says: str) -> None:
    says = says.replace("HOST", HOST).replace("TLS", str(PORTS[1])).replace("PLAIN", str(PORTS[0]))
    with listener(PORTS[0]) as heard, pytest.raises(BrokerError, match=says):
        Management(Profile.from_url(url, tls=tls, name="shop")).queues()
    assert not any(LOGIN in each for each in heard)


@pytest.mark.usefixtures("own_ports")
def test_a_profile_with_tls_never_speaks_plain_text() -> None:
    for named in (f"http://{HOST}:{PORTS[0]}", f"http://admin:own@{HOST}:{PORTS[0]}"):
        profile = Profile.from_url(f"amqps://anna:c4n4ry@{HOST}//", name="shop", management_url=named)
        assert "https://" in problems(profile)["management_url"]
        with listener(PORTS[0]) as heard, pytest.raises(BrokerError, match="in plain text"):
            Management(profile).queues()
        assert heard == [b""] * len(heard)


@pytest.mark.usefixtures("own_ports")
def test_the_api_of_a_profile_with_tls_is_the_same_host_by_its_certificate(certificates: Certificates) -> None:
    tls = Tls(ca=str(certificates.ca))
    assert Management(Profile.from_url("amqps://anna:c4n4ry@broker//", tls=tls)).url == f"https://broker:{PORTS[1]}"
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificates.server.certificate, certificates.server.key)  # not for HOST
    with listener(PORTS[1], context) as heard, pytest.raises(BrokerError, match="not valid for"):
        Management(Profile.from_url(f"amqps://anna:c4n4ry@{HOST}//", tls=tls)).queues()
    assert not any(LOGIN in each for each in heard)


def test_a_login_that_everybody_knows_needs_no_url() -> None:
    assert Management(Profile.from_url("amqp://guest:guest@localhost//")).url == "http://localhost:15672"
    assert Management(Profile.from_url("amqp://[::1]//")).url == "http://[::1]:15672"


def test_the_advice_fits_the_reason() -> None:
    with pytest.raises(BrokerError) as raised:
        Management(Profile.from_url(f"amqp://anna:c4n4ry@{HOST}//"))
    (finding,) = rabbitmq_advice.management(str(raised.value))
    assert "Set the management URL" in finding.remedy
    assert not finding.setting
