"""`hushbell enrol`: at the counter a member agrees, purpose by purpose, and takes a card or a key along."""

from __future__ import annotations

import asyncio
import json
import secrets
import sys
from argparse import Namespace
from collections.abc import Collection
from datetime import datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

from gateway import clock
from gateway.commandline.lines import complain, refuse, say
from gateway.commandline.stored import load_register
from gateway.configuration.config import Config
from gateway.configuration.configfile import ConfigError, load_config
from gateway.contract.words import PURPOSES
from gateway.control import ControlError, ask
from gateway.identity.member import Member, MemberError, parse_member
from gateway.membership.carried import Carried, for_app, for_wifi
from gateway.membership.consent import ConsentText, consent_text
from gateway.membership.memberchange import change, written
from gateway.membership.roster import dumps
from gateway.store.database import StoreError
from gateway.store.store import Store
from rules.messages import language_now
from rules.messages import say as told

ANY_CARD = {"kind": "eddystone-uid", "namespace": "00" * 10, "instance": "01" * 6}
YES = ("y", "yes", "是", "同意")


class EnrolError(Exception):
    """Carries in one line why nobody was enrolled."""


def enrol(given: Namespace) -> int:
    """Enrol one member; return the exit status."""
    try:
        return asyncio.run(_enrol(load_config(given.config), given))
    except ConfigError as error:
        refuse(str(error))
        return 2
    except (ControlError, StoreError, MemberError, EnrolError) as error:
        complain(str(error))
        return 2


async def _enrol(config: Config, given: Namespace) -> int:
    member_id = given.member or str(uuid4())
    text = consent_text(language_now(), config.privacy.visits_s)
    purposes = given.purposes.split(",")
    card = Carried(ANY_CARD, "card held to the receiver")
    _member(given, member_id, card, text, purposes)  # what cannot be enrolled is told before anything is asked
    carried = await _handed_over(config, given, member_id)
    if not given.yes:
        purposes = _agreed(text, purposes)
    if "recognise" not in purposes:
        raise EnrolError(told("the member did not agree, nothing was enrolled"))
    await _put(config, _member(given, member_id, carried, text, purposes))
    if carried.code:
        _show(carried.code)
    say(told("Enrolled as {member}", member=member_id))
    return 0


async def _handed_over(config: Config, given: Namespace, member_id: str) -> Carried:
    """Return what the member is to carry; a card is waited for."""
    if given.app:
        if config.namespace is None:
            raise EnrolError(told("an app needs the chain's namespace, set beacons.namespace in the configuration"))
        return for_app(config.namespace, member_id, secrets.token_bytes)
    if given.wifi:
        return for_wifi(_ssid(config), secrets.token_bytes)
    receiver = given.receiver or _first_receiver(config)
    if receiver not in {known.id for known in config.receivers}:
        raise EnrolError(told("no receiver {receiver!r} is configured", receiver=receiver))
    say(told("Hold the card to the receiver {receiver} ...", receiver=receiver))
    credential = await _find(config.gateway.state, receiver, given.seconds)
    say(told("Found: {card}", card=json.dumps(credential)))
    return Carried(credential, "card held to the receiver")


def _ssid(config: Config) -> str:
    """Return the name of the network to which members have keys of their own."""
    guest = config.guest
    receiver = next((known for known in config.receivers if guest and known.id == guest.receiver), None)
    if guest is None or guest.keys is None or receiver is None or receiver.ssid is None:
        raise EnrolError(told("a key to the Wi-Fi needs guest.keys, and ssid at the receiver that guest names"))
    return receiver.ssid


def _agreed(text: ConsentText, purposes: Collection[str]) -> list[str]:
    """Show the text and ask for one purpose after the other; return what the member said yes to."""
    say(text.heading)
    say(text.closing)
    agreed: list[str] = []
    for purpose in PURPOSES:
        if purpose in purposes and (purpose == "recognise" or agreed):
            say(text.purpose(purpose))
            agreed += [purpose] if _says_yes() else []
    return agreed


def _says_yes() -> bool:
    try:
        say(told("Does the member agree? [y/N]"))
        return input().strip().lower() in YES
    except EOFError:
        return False


def _show(code: str) -> None:
    """Show a code to be scanned from the screen; it is a secret, and stands nowhere else."""
    if sys.stdout.isatty():
        from gateway.qrcodes import drawn

        say(drawn(code))
    say(code)


async def _put(config: Config, member: Member) -> None:
    store = await Store.open(config.gateway.state, mend=False)
    try:
        register = await load_register(store)
        if register.get(member.id):
            raise EnrolError(told("this member exists already; put the card into the record by members put"))
        register.put(member)
        signed = member.signed(config.gateway.id, store.gateway_key)
        enrolled = change(None, signed, "counter", clock.wall())
        await store.members.put([(signed.id, dumps(signed))], {signed.id: written(enrolled)} if enrolled else {})
    finally:
        await store.close()


async def _find(folder: Path, receiver: str, seconds: float) -> dict[str, Any]:
    async for answer in ask(folder, {"enrol": receiver, "seconds": seconds}):
        return dict(answer["found"])
    raise EnrolError(told("the daemon ended before a card was found"))


def _first_receiver(config: Config) -> str:
    for receiver in config.receivers:
        if receiver.driver in ("ble", "simulator"):
            return receiver.id
    raise EnrolError(told("no Bluetooth receiver is configured to hold a card to"))


def _member(given: Namespace, member_id: str, carried: Carried, text: ConsentText, purposes: Collection[str]) -> Member:
    """Make the member's record, each receipt with the text that was shown. Raises MemberError."""
    at = datetime.fromtimestamp(clock.wall()).astimezone().isoformat(timespec="seconds")
    receipt = {"text": text.sha256, "language": text.language, "act": carried.act, "at": at}
    return parse_member(
        {
            "member": member_id,
            "credentials": [carried.credential],
            "consent": [{"purpose": purpose, **receipt} for purpose in purposes],
            "greeting": given.greeting or "",
            "language": text.language,
        }
    )
