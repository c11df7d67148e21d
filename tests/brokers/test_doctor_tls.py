"""The TLS step against a real handshake: certificates that are known, unknown, about to expire, unchecked."""

from __future__ import annotations

import contextlib
import shutil
import socket
import ssl
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from deskq.doctor.connection.steps import examine_connection
from deskq.doctor.finding import ProbedStep
from deskq.profiles import Profile, Tls


@contextlib.contextmanager
def tls_server(folder: Path, days: int) -> Iterator[tuple[int, str]]:
    """A port that shakes hands by TLS as “localhost” and hangs up, and the file of its own authority."""
    openssl = shutil.which("openssl")
    if openssl is None:
        pytest.skip("no openssl: install the package openssl")
    certificate, key = folder / "cert.pem", folder / "key.pem"
    made = [openssl, "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    made += ["-days", str(days), "-subj", "/O=Shop/CN=localhost", "-addext", "subjectAltName=DNS:localhost"]
    subprocess.run([*made, "-keyout", str(key), "-out", str(certificate)], check=True, capture_output=True, timeout=120)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    listening = socket.create_server(("127.0.0.1", 0))
    ended = threading.Event()

    def serve() -> None:
        while True:
            opened, _ = listening.accept()
            if ended.is_set():
                opened.close()
                return
            with contextlib.suppress(OSError), context.wrap_socket(opened, server_side=True):
                pass

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield listening.getsockname()[1], str(certificate)
    finally:
        ended.set()
        socket.create_connection(listening.getsockname()).close()
        thread.join()
        listening.close()


def tls_step(url: str, tls: Tls) -> ProbedStep:
    steps = {step.key: step for step in examine_connection(Profile.from_url(url, tls=tls), cancelled=lambda: False)}
    assert steps["tcp"].state == "ok"
    assert steps["login"].state in ("failed", "skipped")
    return steps["tls"]


@pytest.mark.parametrize("scheme", ["rediss", "amqps"])
def test_certificates(scheme: str, tmp_path: Path) -> None:
    with tls_server(tmp_path, days=90) as (port, authority):
        url = f"{scheme}://localhost:{port}"
        known = tls_step(url, Tls(ca=authority))
        assert known.state == "ok"
        assert known.evidence.startswith("TLSv1.3, certificate of localhost by localhost, ")
        assert known.evidence.endswith(("89 days left", "90 days left"))
        unknown = tls_step(url, Tls())
        assert unknown.state == "failed"
        assert "has an unknown issuer" in unknown.remedy
        other_name = tls_step(f"{scheme}://127.0.0.1:{port}", Tls(ca=authority))
        assert other_name.state == "failed"
        missing = tls_step(url, Tls(ca=str(tmp_path / "none.pem")))
        assert missing.state == "failed"
        assert "none.pem" in missing.remedy


def test_no_check_is_said_loudly(tmp_path: Path) -> None:
    with tls_server(tmp_path, days=90) as (port, authority):
        url = f"rediss://localhost:{port}"
        unchecked = tls_step(url, Tls(verify=False))
        assert unchecked.state == "warning"
        assert "CERTIFICATE NOT VERIFIED" in unchecked.evidence
        assert "verification would fail" in unchecked.evidence
        assert "SHA-256" in unchecked.evidence
        needless = tls_step(url, Tls(verify=False, ca=authority))
        assert needless.state == "warning"
        assert "it would pass: certificate of localhost" in needless.evidence


def test_a_certificate_about_to_expire(tmp_path: Path) -> None:
    with tls_server(tmp_path, days=5) as (port, authority):
        soon = tls_step(f"rediss://localhost:{port}", Tls(ca=authority))
    assert soon.state == "warning"
    assert "Renew it" in soon.remedy
