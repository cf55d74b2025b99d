"""What somebody who is enrolled at the counter takes along: a card, a key in an app, a key to the guest Wi-Fi."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from gateway.guest.keys import derive_psk

Random = Callable[[int], bytes]

LETTERS = "abcdefghjkmnpqrstuvwxyz23456789-"
"""32 characters that are not taken for one another when read aloud or copied."""

PASSPHRASE_LETTERS = 16  # 80 bits


class Carried(NamedTuple):
    """A credential, by which act it was handed over, and the text of the code that hands it over, if any."""

    credential: dict[str, Any]
    act: str
    code: str = ""

    def __repr__(self) -> str:
        return "<Carried>"


def for_app(namespace: bytes, member: str, random: Random) -> Carried:
    """Make a rotating key, and the code from which the member's app takes it."""
    key = random(32).hex()
    code = f"hushbell:1:{namespace.hex()}:{key}:{member}"
    return Carried({"kind": "rotating", "key": key}, "code scanned with the app", code)


def for_wifi(ssid: str, random: Random) -> Carried:
    """Make a key to the guest network, and the code with which phones join (the form that ZXing set)."""
    passphrase = "".join(LETTERS[byte % len(LETTERS)] for byte in random(PASSPHRASE_LETTERS))
    code = f"WIFI:T:WPA;S:{_escaped(ssid)};P:{passphrase};;"
    credential = {"kind": "wifi-key", "keyid": f"k-{random(8).hex()}", "psk": derive_psk(passphrase, ssid).hex()}
    return Carried(credential, "key to the guest Wi-Fi handed over", code)


def _escaped(text: str) -> str:
    return "".join(f"\\{letter}" if letter in '\\;,":' else letter for letter in text)
