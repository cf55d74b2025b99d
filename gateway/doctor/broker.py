"""The brokers: whether each is reached and takes us, and what mends it where not."""

from __future__ import annotations

from collections.abc import Iterator

from gateway.configuration.config import Config
from gateway.doctor.facts import Broker, Facts
from gateway.doctor.findings import Finding, advice, edit, missing, ok
from gateway.mqtt.trouble import Cause, Trouble
from rules.messages import say

START = "sudo apt-get install mosquitto && sudo systemctl enable --now mosquitto"
SET_CLOCK = "sudo timedatectl set-ntp true"


def check_broker(config: Config, facts: Facts) -> Iterator[Finding]:
    """Judge each broker; one that does not take us is missed only where none does."""
    served = any(broker.trouble is None for broker in facts.brokers)
    for broker in facts.brokers:
        if broker.trouble is not None:
            say_so = advice if served else missing
            yield say_so(
                "broker",
                broker.trouble.cause.value,
                _remedy(config, broker, broker.trouble),
                **dict(broker.trouble.values),
            )
        else:
            yield _judge_taken(config, broker)


def _judge_taken(config: Config, broker: Broker) -> Finding:
    user = config.mqtt.username or say("a client without a user name")
    if broker.refusal:
        return advice(
            "broker",
            "the broker at {address} lets {user} in, and refuses what it says: {reason}",
            edit(config),
            address=broker.address,
            user=user,
            reason=broker.refusal,
        )
    if broker.remark:
        text = "the broker at {address} takes {user}: {remark}"
        return advice("broker", text, None, address=broker.address, user=user, remark=broker.remark)
    return ok("broker", "the broker at {address} takes {user}", address=broker.address, user=user)


def _remedy(config: Config, broker: Broker, trouble: Trouble) -> str:
    if trouble.cause is Cause.NOBODY_LISTENS and broker.address.is_local:
        return START
    return SET_CLOCK if trouble.cause in (Cause.NOT_YET_VALID, Cause.EXPIRED) else edit(config)
