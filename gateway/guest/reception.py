"""Answers what phones on the guest network ask for: the page, its buttons, and whether there is a sign-on."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from http.cookies import CookieError, SimpleCookie
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from drivers.driver import Clock
from gateway.configuration.config import Language
from gateway.guest.acts import Acts, Members, Visitor
from gateway.guest.links import linked_member
from gateway.guest.pages import POLICY, Sheet, Standing, offer_page, plain_page
from gateway.guest.rations import Window
from gateway.guest.seals import seal, unseal
from gateway.guest.web import Request, Response
from gateway.guest.words import WORDS, Said, choose_language
from gateway.identity.fields import MemberError
from gateway.membership.consent import ConsentText
from gateway.store.database import StoreError

FORM_S = 3600.0
COOKIE_S = 360 * 86400.0
COOKIE = "hushbell"
_PHONE = "phone"

MOST_REQUESTS = 60
"""Of one phone in five minutes."""

_SUCCESS = "<HTML><HEAD><TITLE>Success</TITLE></HEAD><BODY>Success</BODY></HTML>"
_ONLINE = {
    "/generate_204": Response(204),
    "/gen_204": Response(204),
    "/hotspot-detect.html": Response(200, _SUCCESS),
    "/library/test/success.html": Response(200, _SUCCESS),
    "/connecttest.txt": Response(200, "Microsoft Connect Test", kind="text/plain"),
    "/ncsi.txt": Response(200, "Microsoft NCSI", kind="text/plain"),
    "/success.txt": Response(200, "success\n", kind="text/plain"),
}
"""What phones and computers ask for to learn whether a network wants a sign-on, and the answer that it does not."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where the page is. `find` gives the address of the phone on the shop's network that has a network address."""

    home: str  # host and port, as browsers write them
    language: Language
    timezone: ZoneInfo
    texts: Mapping[Language, ConsentText]
    key: bytes
    find: Callable[[str], Awaitable[bytes | None]]
    clock: Clock
    random: Callable[[int], bytes]


class Reception:
    """Nothing is kept of a phone whose owner did not agree, but for minutes that it answered."""

    def __init__(self, place: Place, members: Members) -> None:
        self._place = place
        self._members = members
        self._acts = Acts(members, place.texts, place.timezone, place.random)
        self._form_key = place.random(32)
        self._requests = Window(lambda: place.random(32))
        self._answered = Window(lambda: place.random(32))

    async def answer(self, request: Request) -> Response:
        """Answer a request of anybody's."""
        now = self._place.clock()
        if self._requests.count(request.peer.encode(), now) > MOST_REQUESTS:
            return Response(429)
        if request.method not in ("GET", "HEAD", "POST"):
            return Response(405, headers=(("Allow", "GET, HEAD, POST"),))
        if request.host != self._place.home:
            return await self._elsewhere(request, now)
        language = self._language(request)
        if request.method != "POST" and request.path in _ONLINE:
            return _ONLINE[request.path]
        if request.method != "POST" and request.path != "/":
            return _page(404, plain_page(language, WORDS[language].lost))
        link = (request.form if request.method == "POST" else request.query).get("m", "")
        visitor = await self._visitor(request, link, now)
        if visitor is None:
            return _page(403, plain_page(language, WORDS[language].not_here))
        if request.method == "POST":
            return await self._act(request, link, visitor, language, now)
        return await self._show(request, link, visitor, language, now)

    async def _elsewhere(self, request: Request, now: float) -> Response:
        """Answer what was meant for another host: lead a phone to the page, but only until it answered.

        No page is shown under another host's name, by which a site of that name could read and press its buttons.
        """
        online = _ONLINE.get(request.path)
        if online is None:
            return self._lead_home()
        address = await self._place.find(request.peer)
        is_done = address is None or self._answered.knows(address, now) or self._members.owner(address) is not None
        return online if is_done else self._lead_home()

    async def _show(self, request: Request, link: str, visitor: Visitor, language: Language, now: float) -> Response:
        if not link:
            with suppress(StoreError, MemberError):  # it is tried again when the page is opened again
                visitor = await self._acts.renew(visitor)
        told = WORDS[language].told
        said = next((word for word in told if word == request.query.get("told")), None)
        return self._offer(link, visitor, language, said, now)

    async def _act(self, request: Request, link: str, visitor: Visitor, language: Language, now: float) -> Response:
        said: Said | None
        if not self._is_ours(request, visitor.address, now):
            said = "stale"
        else:
            try:
                said = await self._acts.do(request.path, request.form, visitor, language, now)
            except StoreError:
                said = "later"
            except MemberError:
                said = "personal"
        match said:
            case None:
                return _page(404, plain_page(language, WORDS[language].lost))
            case "agreed" | "declined" | "paused" | "resumed" | "withdrawn":
                self._answered.count(visitor.address, now)
                query = urlencode({"told": said, "lang": language})
                return self._lead_home(f"?{query}", self._cookie(visitor.address, said, now))
            case _:
                return self._offer(link, visitor, language, said, now)

    def _offer(self, link: str, visitor: Visitor, language: Language, said: Said | None, now: float) -> Response:
        form = seal(self._form_key, _form(visitor.address), "", now + FORM_S)
        sheet = Sheet(language, form, link if linked_member(self._place.key, link, now) else "")
        return _page(200, offer_page(sheet, self._place.texts[language], self._standing(visitor, now), said))

    def _standing(self, visitor: Visitor, now: float) -> Standing | None:
        member = visitor.member
        if member is None:
            return None
        until = member.paused_until if member.paused_until and member.paused_until > now else None
        written = datetime.fromtimestamp(until, self._place.timezone).strftime("%Y-%m-%d %H:%M") if until else None
        return Standing(member.purposes(), written)

    # who asks

    async def _visitor(self, request: Request, link: str, now: float) -> Visitor | None:
        """Return who asks; None where that is no phone on the network."""
        address = await self._place.find(request.peer)
        if address is None:
            return None
        named = linked_member(self._place.key, link, now) if link else None
        if named is None:
            known = unseal(self._place.key, _PHONE, _cookie_of(request), now)
            named = known if known and self._members.get(known) else None
        return Visitor(address, self._members.owner(address), named)

    def _is_ours(self, request: Request, address: bytes, now: float) -> bool:
        """Tell whether a form was filled in on our page, on this phone, not long ago."""
        origin = request.headers.get("origin", "")
        sealed = request.form.get("form", "")
        return origin in ("", f"http://{self._place.home}") and (
            unseal(self._form_key, _form(address), sealed, now) is not None
        )

    def _cookie(self, address: bytes, said: Said, now: float) -> tuple[tuple[str, str], ...]:
        """Return what lets the phone be known again under another address, or takes that back."""
        rest = "Path=/; HttpOnly; SameSite=Lax"
        member = self._members.owner(address) if said == "agreed" else None
        if member:
            value = seal(self._place.key, _PHONE, member.id, now + COOKIE_S)
            return (("Set-Cookie", f"{COOKIE}={value}; Max-Age={COOKIE_S:.0f}; {rest}"),)
        return (("Set-Cookie", f"{COOKIE}=; Max-Age=0; {rest}"),) if said == "withdrawn" else ()

    def _language(self, request: Request) -> Language:
        asked = request.form.get("lang") or request.query.get("lang", "")
        return choose_language(asked, request.headers.get("accept-language", ""), self._place.language)

    def _lead_home(self, query: str = "", headers: tuple[tuple[str, str], ...] = ()) -> Response:
        return Response(303, headers=(("Location", f"http://{self._place.home}/{query}"), *headers))


def _form(address: bytes) -> str:
    return f"form {address.hex()}"


def _cookie_of(request: Request) -> str:
    try:
        morsel = SimpleCookie(request.headers.get("cookie", "")).get(COOKIE)
    except CookieError:
        return ""
    return morsel.value if morsel else ""


def _page(status: int, html: str) -> Response:
    headers = (
        ("Content-Security-Policy", POLICY),
        ("Referrer-Policy", "same-origin"),
        ("X-Frame-Options", "DENY"),
        ("Vary", "Accept-Language"),
    )
    return Response(status, html, headers)
