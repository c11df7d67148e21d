"""A certificate authority for one test run, and certificates of every kind that a server or client may have."""

from __future__ import annotations

import datetime
import ipaddress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey


@dataclass(frozen=True, slots=True)
class Pair:
    """PEM files of a certificate and of its key."""

    certificate: Path
    key: Path


@dataclass(frozen=True, slots=True)
class Certificates:
    """All signed by ``ca`` for 127.0.0.1 and localhost, but where the name says otherwise."""

    ca: Path
    server: Pair
    expired: Pair
    wrong_name: Pair
    client: Pair


def make_certificates(folder: Path) -> Certificates:
    """Write them all into ``folder``; ImportError where the package cryptography is not installed."""
    from cryptography.hazmat.primitives.asymmetric import ec

    authority_key = ec.generate_private_key(ec.SECP256R1())
    authority = _write(folder, "ca", authority_key, None, authority_key)
    own = ("localhost", "127.0.0.1")
    pairs = {
        name: _write(folder, name, ec.generate_private_key(ec.SECP256R1()), names, authority_key, days=days)
        for name, names, days in (
            ("server", own, 30),
            ("expired", own, -1),
            ("wrong_name", ("elsewhere.test",), 30),
            ("client", ("deskq.test",), 30),
        )
    }
    return Certificates(authority.certificate, **pairs)


def _write(
    folder: Path,
    name: str,
    key: EllipticCurvePrivateKey,
    names: tuple[str, ...] | None,
    issuer_key: EllipticCurvePrivateKey,
    *,
    days: int = 30,
) -> Pair:
    """One certificate; without ``names`` that of the authority itself. ``days``: until its end, from now."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.x509.oid import NameOID

    def named(text: str) -> Any:
        return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])

    now = datetime.datetime.now(datetime.UTC)
    builder = (
        x509.CertificateBuilder()
        .subject_name(named(names[0] if names else "deskq tests"))
        .issuer_name(named("deskq tests"))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=60))
        .not_valid_after(now + datetime.timedelta(days=days))
        .add_extension(x509.BasicConstraints(ca=names is None, path_length=None), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key.public_key()), critical=False)
    )
    if names:
        alternatives = [
            x509.IPAddress(ipaddress.ip_address(text)) if text[0].isdigit() else x509.DNSName(text) for text in names
        ]
        builder = builder.add_extension(x509.SubjectAlternativeName(alternatives), critical=False)
    pair = Pair(folder / f"{name}.pem", folder / f"{name}.key")
    signed = builder.sign(issuer_key, hashes.SHA256())
    pair.certificate.write_bytes(signed.public_bytes(serialization.Encoding.PEM))
    pair.key.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return pair
