"""`hushbell enrol`: a card is held to a receiver, the member agrees, and the receipt is made on the spot."""

from __future__ import annotations

import asyncio
import json
from argparse import Namespace
from datetime import datetime
from hashlib import sha256
from pathlib import Path
from typing import Any
from uuid import uuid4

from gateway import clock
from gateway.config import Config
from gateway.configfile import ConfigError, load_config
from gateway.control import ControlError, ask
from gateway.identity.member import Member, MemberError, parse_member
from gateway.lines import complain, refuse, say
from gateway.members import load_register
from gateway.roster import dumps
from gateway.shipped import shipped_folder
from gateway.store.database import StoreError
from gateway.store.store import Store
from rules.messages import language_now
from rules.messages import say as told

ANY_CARD = {"kind": "eddystone-uid", "namespace": "00" * 10, "instance": "01" * 6}


class EnrolError(Exception):
    """Carries in one line why nobody was enrolled."""


def enrol(given: Namespace) -> int:
    """Enrol one card; return the exit status."""
    try:
        return asyncio.run(_enrol(load_config(given.config), given))
    except ConfigError as error:
        refuse(str(error))
        return 2
    except (ControlError, StoreError, MemberError, EnrolError) as error:
        complain(str(error))
        return 2


async def _enrol(config: Config, given: Namespace) -> int:
    receiver = given.receiver or _first_receiver(config)
    if receiver not in {known.id for known in config.receivers}:
        raise EnrolError(told("no receiver {receiver!r} is configured", receiver=receiver))
    _member(given, ANY_CARD, "")  # what cannot be enrolled is told before the card is held
    say(told("Hold the card to the receiver {receiver} ...", receiver=receiver))
    credential = await _find(config.gateway.state, receiver, given.seconds)
    say(told("Found: {card}", card=json.dumps(credential)))
    text = _consent_text(language_now(), config.privacy.visits_s)
    if not given.yes and not _agrees(text):
        raise EnrolError(told("the member did not agree, nothing was enrolled"))
    member = _member(given, credential, text)
    store = await Store.open(config.gateway.state, mend=False)
    try:
        register = await load_register(store)
        if register.get(member.id):
            raise EnrolError(told("this member exists already; put the card into the record by members put"))
        register.put(member)
        signed = member.signed(config.gateway.id, store.gateway_key)
        await store.put_members([(signed.id, dumps(signed))])
    finally:
        await store.close()
    say(told("Enrolled as {member}", member=member.id))
    return 0


def _agrees(text: str) -> bool:
    say(text)
    try:
        return input(told("Does the member agree? [y/N] ")).strip().lower() in ("y", "yes", "是", "同意")
    except EOFError:
        return False


async def _find(folder: Path, receiver: str, seconds: float) -> dict[str, Any]:
    async for answer in ask(folder, {"enrol": receiver, "seconds": seconds}):
        return dict(answer["found"])
    raise EnrolError(told("the daemon ended before a card was found"))


def _first_receiver(config: Config) -> str:
    for receiver in config.receivers:
        if receiver.driver in ("ble", "simulator"):
            return receiver.id
    raise EnrolError(told("no Bluetooth receiver is configured to hold a card to"))


def _consent_text(language: str, kept_s: float) -> str:
    text = (shipped_folder() / "consent" / f"{language}.txt").read_text(encoding="utf-8")
    return text.format(days=round(kept_s / 86400))


def _member(given: Namespace, credential: dict[str, Any], text: str) -> Member:
    at = datetime.fromtimestamp(clock.wall()).astimezone().isoformat(timespec="seconds")
    receipt = {
        "text": sha256(text.encode()).hexdigest(),
        "language": language_now(),
        "act": "card held to the receiver",
        "at": at,
    }
    return parse_member(
        {
            "member": given.member or str(uuid4()),
            "credentials": [credential],
            "consent": [{"purpose": purpose, **receipt} for purpose in given.purposes.split(",")],
            "greeting": given.greeting or "",
            "language": language_now(),
        }
    )
