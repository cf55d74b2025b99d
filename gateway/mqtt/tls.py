"""TLS to a broker: our trust and our certificate, and what each way of failing means."""

from __future__ import annotations

import ssl
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from gateway import clock
from gateway.mqtt.address import Address
from gateway.mqtt.trouble import Cause, TroubleError, file_trouble
from rules.messages import say

# X509_V_ERR_* of openssl/x509_vfy.h
_BY_VERIFY_CODE = {
    9: Cause.NOT_YET_VALID,
    10: Cause.EXPIRED,
    62: Cause.OTHER_NAME,
    64: Cause.OTHER_NAME,
}

ALERTS = {
    "ALERT_UNKNOWN_CA": "it does not know who signed it",
    "ALERT_CERTIFICATE_EXPIRED": "it has expired, or the broker's clock is wrong",
    "ALERT_CERTIFICATE_REVOKED": "it was revoked",
    "ALERT_BAD_CERTIFICATE": "it is not valid for the broker",
    "ALERT_CERTIFICATE_UNKNOWN": "it is not valid for the broker",
    "ALERT_UNSUPPORTED_CERTIFICATE": "it is of a kind that the broker does not take",
}
"""What a broker's alerts say of our certificate (RFC 8446, section 6.2), by how OpenSSL calls them."""

_NOT_TLS = ("WRONG_VERSION_NUMBER", "UNEXPECTED_EOF_WHILE_READING", "HTTP_REQUEST", "RECORD_LAYER_FAILURE")


@dataclass(frozen=True, slots=True)
class TlsFiles:
    """Who vouches for the broker (None: whom the system trusts), and who we are."""

    ca_file: Path | None = None
    cert_file: Path | None = None
    key_file: Path | None = None


class _LockedError(Exception):
    """Says that a key wants a password, before OpenSSL asks for it on the terminal."""


def make_context(files: TlsFiles) -> ssl.SSLContext:
    """Return the context for a connection; reads the files anew. Raises TroubleError."""
    try:
        context = ssl.create_default_context(cafile=files.ca_file)
    except (OSError, ValueError) as error:
        raise file_trouble(error, files.ca_file, Cause.NO_CERTIFICATE) from error
    if files.cert_file and files.key_file:
        try:
            context.load_cert_chain(files.cert_file, files.key_file, _refuse_to_unlock)
        except _LockedError:
            raise TroubleError(Cause.LOCKED_KEY, file=files.key_file) from None
        except ssl.SSLError as error:
            if error.reason == "KEY_VALUES_MISMATCH":
                raise TroubleError(Cause.WRONG_KEY, file=files.key_file, certificate=files.cert_file) from error
            raise TroubleError(Cause.NO_CERTIFICATE, file=_at_fault(files.cert_file, files.key_file)) from error
        except (OSError, ValueError) as error:
            raise file_trouble(error, _at_fault(files.cert_file, files.key_file), Cause.NO_CERTIFICATE) from error
    return context


def _refuse_to_unlock() -> str:
    raise _LockedError


def _at_fault(cert_file: Path, key_file: Path) -> Path:
    """Return the one of two files that cannot be used, as OpenSSL names neither."""
    try:
        return key_file if b"-----BEGIN CERTIFICATE" in cert_file.read_bytes() else cert_file
    except OSError:
        return cert_file


def tls_trouble(error: ssl.SSLError, address: Address, files: TlsFiles) -> TroubleError:
    """Say what a failed handshake, or an alert after it, means."""
    if isinstance(error, ssl.SSLCertVerificationError):
        cause = _BY_VERIFY_CODE.get(error.verify_code, Cause.UNTRUSTED)
        now = datetime.fromtimestamp(clock.wall(), UTC).strftime("%Y-%m-%d %H:%M UTC")
        return TroubleError(cause, address=address, host=address.host, reason=error.verify_message, now=now)
    reason = error.reason or ""
    alert = next((text for name, text in ALERTS.items() if reason.endswith(name)), None)
    if alert is not None:
        return TroubleError(Cause.CERTIFICATE_REFUSED, address=address, reason=say(alert))
    demanded = reason.endswith("ALERT_HANDSHAKE_FAILURE") and files.cert_file is None  # as TLS 1.2 has it
    if demanded or reason.endswith("CERTIFICATE_REQUIRED"):
        return TroubleError(Cause.CERTIFICATE_WANTED, address=address)
    if isinstance(error, ssl.SSLEOFError) or reason in _NOT_TLS:
        return TroubleError(Cause.NO_TLS, address=address, scheme=address.scheme)
    return TroubleError(Cause.TLS_FAILED, address=address, reason=reason.lower().replace("_", " ") or str(error))
