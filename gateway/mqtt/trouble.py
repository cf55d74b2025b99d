"""Why there is no broker, or no longer one: causes that code can act on, in words that an installer can act on."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from rules.messages import say


class Cause(StrEnum):
    """What is wrong; the text is English, its twin is spoken where Chinese is."""

    NOT_YET = "not yet connected"
    CLOSED = "closed"
    # the way there
    UNKNOWN_NAME = "nobody knows the name {host}"
    NO_NAME_SERVER = "the name {host} cannot be looked up: there is no network, or no name server that answers"
    NOBODY_LISTENS = "no broker listens at {address}"
    NO_ROUTE = "no network leads to {address}"
    SILENT = "{address} does not answer"
    NO_SOCKET = "there is no socket {address}"
    SOCKET_DENIED = "this user may not open the socket {address}"
    NOT_REACHED = "{address} is not reached: {reason}"
    # TLS
    NO_TLS = "{address} speaks no TLS, which {scheme} needs"
    TLS_FAILED = "no TLS with {address}: {reason}"
    UNTRUSTED = "the certificate of {address} is not trusted ({reason}); ca_file names who vouches for it"
    EXPIRED = "the certificate of {address} has expired, by this machine's clock, which says {now}"
    NOT_YET_VALID = "the certificate of {address} is not valid yet, by this machine's clock, which says {now}"
    OTHER_NAME = "the certificate of {address} is for another name than {host}"
    CERTIFICATE_WANTED = "{address} demands a certificate of us, which cert_file and key_file would name"
    CERTIFICATE_REFUSED = "{address} refuses our certificate: {reason}"
    NO_FILE = "the file {file} is not there"
    FILE_DENIED = "the file {file} is not for this user to read"
    NO_TEXT = "the file {file} cannot be read as text"
    NO_CERTIFICATE = "the file {file} holds no certificate or key in PEM"
    WRONG_KEY = "the key in {file} does not belong to the certificate in {certificate}"
    LOCKED_KEY = "the key in {file} is locked with a password; one that lies open, for its owner only, is needed"
    # what listens there
    NO_WEBSOCKET = "{address} opens no WebSocket at {path}: {reason}"
    SPEAKS_TLS = "{address} speaks TLS, which mqtts or wss would too"
    SPEAKS_HTTP = "{address} speaks HTTP, which ws or wss would too"
    OLD = "the broker at {address} speaks MQTT 3.1.1 and not MQTT 5, which Hushbell needs"
    MUTE = "{address} takes the connection and says nothing"
    HUNG_UP = "{address} hung up without a greeting"
    NO_MQTT = "what {address} says is no MQTT 5"
    # the broker
    REFUSED = "the broker at {address} refuses {user}: {reason}"
    MOVED = "the broker at {address} sends us to {server}, where nobody goes unless mqtt.url says so"
    LACKS = "the broker at {address} lacks {what}, which Hushbell needs"
    ENDED = "the broker ended the connection: {reason}"
    LOST = "the connection was lost"
    UNACKNOWLEDGED = "the broker does not acknowledge"
    FELL_SILENT = "the broker fell silent"


@dataclass(frozen=True, slots=True)
class Trouble:
    """A cause with what it is about."""

    cause: Cause
    values: tuple[tuple[str, str], ...] = ()

    def __str__(self) -> str:
        return say(self.cause.value, **dict(self.values))


class TroubleError(Exception):
    """Carries why no link came about."""

    def __init__(self, cause: Cause, **values: object) -> None:
        self.trouble = Trouble(cause, tuple((name, str(value)) for name, value in values.items()))
        super().__init__(str(self.trouble))


def file_trouble(error: Exception, file: Path | None, otherwise: Cause) -> TroubleError:
    """Say why a file could not be used; `otherwise` where it is there and may be read."""
    if isinstance(error, FileNotFoundError | NotADirectoryError):
        return TroubleError(Cause.NO_FILE, file=file)
    return TroubleError(Cause.FILE_DENIED if isinstance(error, PermissionError) else otherwise, file=file)


NO_MATCHING_SUBSCRIBERS = 0x10
FIRST_FAILURE = 0x80
NOT_AUTHORISED = 0x87
KEEP_ALIVE_TIMEOUT = 0x8D
USE_ANOTHER_SERVER, SERVER_MOVED = 0x9C, 0x9D

REASONS = {
    0x00: "taken",
    0x04: "it ended with the will",
    NO_MATCHING_SUBSCRIBERS: "nobody subscribes to it",
    0x80: "it gives no reason",
    0x81: "it cannot read what we sent",
    0x82: "it holds what we sent to be against the protocol",
    0x83: "for a reason of its own",
    0x84: "it speaks no MQTT 5",
    0x85: "it does not take our client id",
    0x86: "user or password is wrong",
    NOT_AUTHORISED: "the user may not do this",
    0x88: "it is not at work",
    0x89: "it is busy",
    0x8A: "this client is banned",
    0x8B: "it is shutting down",
    0x8C: "it wants another way of signing on",
    KEEP_ALIVE_TIMEOUT: "it heard nothing of us for too long",
    0x8E: "somebody else signed on with our client id; do two gateways bear one id?",
    0x8F: "it does not take the topic filter",
    0x90: "it does not take the topic",
    0x91: "the packet identifier is in use",
    0x92: "the packet identifier is unknown",
    0x93: "we sent more at once than it takes",
    0x94: "it does not take the topic alias",
    0x95: "the packet is too large",
    0x96: "we send too fast",
    0x97: "a quota is used up",
    0x98: "its administrator ended it",
    0x99: "the payload is not of the kind that it says",
    0x9A: "it keeps no retained messages",
    0x9B: "it does not take the quality of service",
    USE_ANOTHER_SERVER: "another server is to be used for now",
    SERVER_MOVED: "the server has moved for good",
    0x9E: "it knows no shared subscriptions",
    0x9F: "too many clients connect",
    0xA0: "the longest time for a connection is over",
    0xA1: "it knows no subscription identifiers",
    0xA2: "it knows no subscriptions with wildcards",
}
"""What each reason code of MQTT 5 (section 2.4) means to people."""

REFUSED_AT_THE_DOOR = "user or password is wrong, or the user may not do this"
"""What the code for "not authorised" means in the greeting, where brokers use it for a wrong password too."""


def words_of(code: int, said: str | None = None) -> str:
    """Return a reason code in words, with what the broker itself says of it, made harmless."""
    words = say(REASONS[code]) if code in REASONS else say("reason code {code}", code=f"0x{code:02x}")
    return f"{words} ({harmless(said)})" if said else words


def harmless(text: str) -> str:
    """Cut short what a peer said, and take out what no terminal or log should be given."""
    return "".join(letter if letter.isprintable() else "?" for letter in text[:128])
