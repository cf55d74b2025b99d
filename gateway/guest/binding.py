"""What an act at the guest page makes of a member. Pure."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace

from gateway.configuration.config import Language
from gateway.contract.words import PURPOSES, Purpose
from gateway.identity.credentials import Credential
from gateway.identity.member import Member
from gateway.identity.receipts import Receipt
from gateway.membership.consent import ConsentText

MOST_PHONES = 4
"""Addresses of one member that are kept; the one bound longest ago goes first."""

ACT = "button pressed on the guest Wi-Fi's page"
PREFIX = "guest-"
"""How the ids begin that are made here, for whom no back end sent a link."""


def bind(member: Member, address: bytes) -> Member:
    """Return the member with the address that a phone uses on this network, as the latest of its kind."""
    new = Credential("wifi", address)
    phones = [credential for credential in member.credentials if credential.kind == "wifi" and credential != new]
    kept = [credential for credential in member.credentials if credential.kind != "wifi"]
    return replace(member, credentials=(*kept, *phones[1 - MOST_PHONES :], new))


def unbind(member: Member, address: bytes) -> Member:
    """Return the member without an address."""
    gone = Credential("wifi", address)
    return replace(member, credentials=tuple(each for each in member.credentials if each != gone))


def agree(member: Member, purposes: Collection[Purpose], text: ConsentText, at: str) -> Member:
    """Return the member with a receipt for each purpose and no other; one for this very text stays as it is."""
    same = {receipt.purpose: receipt for receipt in member.consent if receipt.text == text.sha256}
    receipts = (same.get(purpose) or _receipt(purpose, text, at) for purpose in PURPOSES if purpose in purposes)
    return replace(member, consent=tuple(receipts))


def _receipt(purpose: Purpose, text: ConsentText, at: str) -> Receipt:
    return Receipt(purpose, text.sha256, text.language, ACT, at)


def newcomer(member_id: str, greeting: str, language: Language) -> Member:
    return Member(member_id, greeting=greeting, language=language)
