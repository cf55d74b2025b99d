"""The guest page in a real browser, as a guest sees and presses it: without scripts, in both languages.

Only where a Chromium is installed, which conftest.py looks for: to install one takes longer than all that it shows.
"""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from virtual_broker import free_port
from virtual_browser import RealBrowser, browsing
from virtual_guest import PHONE, VirtualGuests

from gateway.configuration.config import Language
from gateway.guest.web import WebServer
from gateway.guest.words import WORDS

BUTTONS = """[...document.querySelectorAll('button')].map(b => {
const s = getComputedStyle(b), r = b.getBoundingClientRect();
return [b.innerText, Math.round(r.width), Math.round(r.height), s.color, s.backgroundColor, s.fontSize, s.border] })"""


async def press(browser: RealBrowser, action: str, number: int = 0) -> None:
    await browser.click(f'form[action="{action}"] button', number, leads_on=True)


async def are_alike(browser: RealBrowser) -> list[str]:
    """See that every button is of one size and look; return what stands on them."""
    buttons = await browser.look(BUTTONS)
    assert len({tuple(look) for _, *look in buttons}) == 1, buttons
    return [text for text, *_ in buttons]


async def sign_on(browser: RealBrowser, guests: VirtualGuests, home: str, language: Language) -> None:
    words = WORDS[language]
    await browser.open(f"http://{home}/", language)
    assert await browser.look("document.documentElement.lang") == language
    assert await are_alike(browser) == [words.agree, words.decline]
    assert await browser.look("document.querySelectorAll('input:checked').length") == 0
    await browser.click("input[name=recognise]")
    await press(browser, "/agree")
    (member,) = guests.members.values()
    assert (sorted(member.purposes()), [c.identity for c in member.credentials]) == (["recognise"], [PHONE])
    assert words.told["agreed"] in await browser.look("document.body.innerText")
    assert await are_alike(browser) == [words.change, *words.pauses.values(), words.withdraw]
    await press(browser, "/pause", 1)
    assert next(iter(guests.members.values())).paused_until == guests.now + 7 * 86400
    assert await are_alike(browser) == [words.change, words.resume, *words.pauses.values(), words.withdraw]
    await press(browser, "/resume")
    assert next(iter(guests.members.values())).paused_until is None
    await press(browser, "/withdraw")
    assert guests.members == {}
    assert words.told["withdrawn"] in await browser.look("document.body.innerText")


@pytest.mark.parametrize("language", ["zh", "en"])
def test_a_guest_agrees_pauses_and_withdraws_by_buttons_that_are_equally_plain(
    tmp_path: Path, language: Language
) -> None:
    async def scene() -> None:
        port = free_port()
        home = f"127.0.0.1:{port}"
        guests = VirtualGuests(home)
        guests.phones["127.0.0.1"] = PHONE
        serving = asyncio.create_task(WebServer("127.0.0.1", port, guests.reception.answer, lambda: guests.now).run())
        try:
            async with browsing(tmp_path) as browser:
                await sign_on(browser, guests, home, language)
        finally:
            serving.cancel()
            await asyncio.gather(serving, return_exceptions=True)

    asyncio.run(scene())
