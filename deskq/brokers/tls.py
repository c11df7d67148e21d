"""TLS with a broker: the context of a profile, and its failures as sentences that say what to do."""

from __future__ import annotations

import ssl
from pathlib import Path
from typing import Final

from deskq.brokers.ports import TlsFailed
from deskq.profiles import Profile

ENDED: Final = "EOF occurred"
_SENTENCES: Final = (
    (("certificate has expired",), "The certificate of {place} has expired. Renew it."),
    (("not yet valid",), "The certificate of {place} is not valid yet. Check the clocks of both machines."),
    (
        ("self-signed", "self signed", "local issuer", "verify the first certificate"),
        "The certificate of {place} has an unknown issuer. Set the CA file in the profile.",
    ),
    (
        ("ostname mismatch", "IP address mismatch", "doesn't match"),
        "The certificate is not valid for {place}. Use a host name that it lists.",
    ),
    (
        ("CERTIFICATE_REQUIRED", "certificate required", "HANDSHAKE_FAILURE", ENDED, "ALERT_BAD_CERTIFICATE"),
        "{place} ended the TLS handshake and may require a client certificate. Set certificate and key in the profile.",
    ),
    (
        ("ALERT_UNKNOWN_CA", "CERTIFICATE_UNKNOWN", "CERTIFICATE_EXPIRED", "CERTIFICATE_REVOKED"),
        "{place} does not accept the profile's client certificate. Use one signed by its CA.",
    ),
    (
        ("WRONG_VERSION_NUMBER", "record layer", "RECORD_LAYER"),
        "{place} does not speak TLS. Use {plain}:// in the URL, or the TLS port.",
    ),
    (
        ("UNSUPPORTED_PROTOCOL", "PROTOCOL_VERSION", "NO_SHARED_CIPHER"),
        "{place} supports only outdated TLS. Enable TLS 1.2 or newer on the server.",
    ),
)


def tls_context(profile: Profile) -> ssl.SSLContext:
    """Return the context of a profile; raises TlsFailed where its files cannot be used."""
    tls = profile.tls
    for path, what in ((tls.ca, "CA"), (tls.certificate, "certificate"), (tls.key, "key")):
        if path is not None:
            try:
                Path(path).open("rb").close()
            except OSError as error:
                raise TlsFailed(
                    f"Cannot read the {what} file “{path}”: {error.strerror}. Correct it in “{profile.name}”."
                ) from None
    try:
        context = ssl.create_default_context(cafile=tls.ca)
    except (ssl.SSLError, ValueError):
        raise TlsFailed(f"“{tls.ca}” contains no certificate. Set the CA file in “{profile.name}”.") from None
    if not tls.verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    if tls.certificate:
        try:
            # A password that is asked for at a terminal would block for ever.
            context.load_cert_chain(tls.certificate, tls.key, password=lambda: b"")
        except (ssl.SSLError, ValueError):
            raise TlsFailed(
                f"“{tls.certificate}” and “{tls.key or tls.certificate}” are not a matching certificate and key, or "
                f"the key is encrypted. Set both in “{profile.name}”."
            ) from None
    return context


def tls_sentence(text: str, place: str, *, plain: str) -> str:
    """Return the sentence for what OpenSSL says; ``plain`` is the scheme without TLS."""
    for words, sentence in _SENTENCES:
        if any(word in text for word in words):
            return sentence.format(place=place, plain=plain)
    return f"TLS with {place} failed: {text}."
