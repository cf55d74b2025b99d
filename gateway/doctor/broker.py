"""The broker: what each way of not being let in means, and what mends it."""

from __future__ import annotations

from collections.abc import Iterator

from gateway.config import Config
from gateway.configvalues import is_local
from gateway.doctor.facts import Facts
from gateway.doctor.findings import Finding, advice, edit, missing, ok
from gateway.doctor.inquiry import UNREADABLE
from gateway.mqtt.connection import parse_url
from rules.messages import say

START = "sudo apt-get install mosquitto && sudo systemctl enable --now mosquitto"

CAUSES = {
    UNREADABLE: "the file that password_file names is not there, or not for this user to read",
    "nobody listens at": "no broker listens at {address}",
    "no answer from": "{address} does not answer",
    "the broker does not answer": "{address} does not answer",
    "nobody knows the name": "nobody knows the name {host}",
    "the certificate of": "the certificate of {address} is not trusted; ca_file names who vouches for it",
    "no TLS with": "{address} speaks no TLS, which mqtts needs",
    "the CA file": "the file that ca_file names is not there",
    "the broker refuses us": "the broker at {address} refuses {user}: {reason}",
    "the broker hung up": "what listens at {address} speaks no MQTT 5",
}
"""What each reason of the connection means, by how it begins."""

WORDS = {
    "not authorized": "user or password is wrong, or the user may not do this",
    "bad user name or password": "user or password is wrong",
    "unsupported protocol version": "it speaks no MQTT 5",
}
"""What a broker's reasons mean to people."""


def check_broker(config: Config, facts: Facts) -> Iterator[Finding]:
    """Judge whether the broker is reached and takes us."""
    broker = facts.broker
    address = parse_url(config.mqtt.url)
    user = config.mqtt.username or say("a client without a user name")
    if broker.refusal:
        yield advice(
            "broker",
            "the broker at {address} lets {user} in, and refuses what it says: {reason}",
            edit(config),
            address=address,
            user=user,
            reason=_words(broker.refusal),
        )
    elif broker.accepted:
        yield ok("broker", "the broker at {address} takes {user}", address=address, user=user)
    else:
        cause = next((cause for cause in CAUSES if broker.reason.startswith(cause)), "")
        text = CAUSES.get(cause, "the broker at {address} is not reached: {reason}")
        reason = _words(broker.reason.removeprefix(f"{cause}: "))
        yield missing(
            "broker", text, _remedy(config, cause), address=address, host=address.host, user=user, reason=reason
        )


def _words(reason: str) -> str:
    return say(WORDS.get(reason, reason))


def _remedy(config: Config, cause: str) -> str:
    return START if cause == "nobody listens at" and is_local(config.mqtt.url) else edit(config)
