"""Where the guest page is, and links to it that name a member."""

from __future__ import annotations

from gateway.configuration.config import Listen
from gateway.guest.seals import seal, unseal

HTTP_PORT = 80
_LINK = "link"


def home(listen: Listen) -> str:
    """Write host and port as browsers do, who leave the usual port out (RFC 9110, 4.2.3)."""
    host = f"[{listen.address}]" if ":" in listen.address else listen.address
    return host if listen.port == HTTP_PORT else f"{host}:{listen.port}"


def guest_link(listen: Listen, key: bytes, member_id: str, until: float) -> str:
    """Return the address of the page for a member, good until a time (seconds since the epoch)."""
    return f"http://{home(listen)}/?m={seal(key, _LINK, member_id, until)}"


def linked_member(key: bytes, link: str, now: float) -> str | None:
    """Return the id of the member whom a link's `m` names; None where it is over, or no link of ours."""
    return unseal(key, _LINK, link, now)
