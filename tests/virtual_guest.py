"""A guest network without a network: a reception, the phones on it, and members in a table."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping
from html import unescape
from urllib.parse import parse_qsl, urlsplit
from zoneinfo import ZoneInfo

from gateway.configuration.config import Language
from gateway.guest.acts import Members
from gateway.guest.reception import Place, Reception
from gateway.guest.web import Request, Response
from gateway.identity.member import Member
from gateway.membership.consent import ConsentText, consent_text

T = 1763791200.0
HOME = "10.0.0.1:8080"
KEY = bytes(range(32))
PHONE, OTHER = bytes.fromhex("5e3a11223344"), bytes.fromhex("6a005e77c1d9")
LANGUAGES: tuple[Language, ...] = ("zh", "en")
TEXTS: Mapping[Language, ConsentText] = {language: consent_text(language, 90 * 86400.0) for language in LANGUAGES}


class VirtualGuests:
    """Phones by their network address, each with the cookies that it holds."""

    def __init__(self, home: str = HOME) -> None:
        self.now = T
        self.phones: dict[str, bytes] = {"10.0.0.7": PHONE, "10.0.0.8": OTHER}
        self.members: dict[str, Member] = {}
        self.puts = 0
        self.trouble: Exception | None = None
        self._drawn = 0
        self.reception = Reception(
            Place(
                home=home,
                language="zh",
                timezone=ZoneInfo("Asia/Shanghai"),
                texts=TEXTS,
                key=KEY,
                find=self._find,
                clock=lambda: self.now,
                random=self._random,
            ),
            Members(self.owner, self.members.get, self._put, self._remove),
        )

    def owner(self, address: bytes) -> Member | None:
        owners = [m for m in self.members.values() for c in m.credentials if (c.kind, c.identity) == ("wifi", address)]
        assert len(owners) <= 1
        return owners[0] if owners else None

    def addresses(self, member_id: str) -> list[bytes]:
        return [c.identity for c in self.members[member_id].credentials if c.kind == "wifi"]

    def ask(self, request: Request) -> Response:
        return asyncio.run(self.reception.answer(request))

    async def _find(self, network_address: str) -> bytes | None:
        return self.phones.get(network_address)

    async def _put(self, member: Member) -> None:
        if self.trouble:
            raise self.trouble
        self.puts += 1
        self.members[member.id] = member.signed("door-pi", KEY)

    async def _remove(self, member_id: str) -> None:
        if self.trouble:
            raise self.trouble
        self.members.pop(member_id, None)

    def _random(self, size: int) -> bytes:
        self._drawn += 1
        return self._drawn.to_bytes(size, "big")


class Browser:
    """A phone's browser: it follows links and redirections, fills in forms, and keeps cookies."""

    def __init__(self, guests: VirtualGuests, peer: str = "10.0.0.7", language: str = "en") -> None:
        self._guests = guests
        self._peer = peer
        self._language = language
        self.cookie = ""
        self.status = 0
        self.page = ""
        self.headers: dict[str, str] = {}

    @property
    def text(self) -> str:
        """What is to be read, without the markup."""
        body = self.page.partition("<body>")[2]
        return unescape(re.sub(r"<[^>]*>", "\n", body))

    @property
    def forms(self) -> dict[str, dict[str, str]]:
        """The hidden fields of each form, by its action; of several with one action the first."""
        found: dict[str, dict[str, str]] = {}
        for action, inner in re.findall(r'<form method="post" action="([^"]*)">(.*?)</form>', self.page, re.DOTALL):
            fields = re.findall(r'<input type="hidden" name="([^"]*)" value="([^"]*)">', inner)
            found.setdefault(action, {name: unescape(value) for name, value in fields})
        return found

    @property
    def ticked(self) -> set[str]:
        return set(re.findall(r'name="(\w+)" value="yes" checked', self.page))

    def open(self, target: str = "/", host: str = HOME) -> Browser:
        parts = urlsplit(target)
        self._send(Request("GET", parts.path, self._peer, host, dict(parse_qsl(parts.query)), {}, self._headers()))
        return self

    def press(self, action: str, *ticked: str, **fields: str) -> Browser:
        """Press the button of a form; what is ticked comes in place of what was."""
        form = self.forms[action] | dict.fromkeys(ticked, "yes") | fields
        self.post(action, form)
        return self

    def post(self, action: str, form: Mapping[str, str], **headers: str) -> Browser:
        self._send(Request("POST", action, self._peer, HOME, {}, form, self._headers() | headers))
        return self

    def _headers(self) -> dict[str, str]:
        return {"accept-language": self._language} | ({"cookie": self.cookie} if self.cookie else {})

    def _send(self, request: Request) -> None:
        response = self._guests.ask(request)
        self.status, self.page, self.headers = response.status, response.body, dict(response.headers)
        if given := self.headers.get("Set-Cookie"):
            self.cookie = "" if "Max-Age=0" in given else given.partition(";")[0]
        if response.status == 303 and self.headers["Location"].startswith(f"http://{HOME}/"):
            self.open(self.headers["Location"])
