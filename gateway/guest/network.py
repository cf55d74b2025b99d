"""Puts the guest network together: its page, served where the configuration says, and members' own keys."""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections.abc import Sequence
from functools import partial

from drivers.driver import Driver
from drivers.hostapd import HostapdDriver
from drivers.netlink import find_neighbour
from gateway import clock
from gateway.configuration.config import Config, Guest, Language, Listen
from gateway.core import Core
from gateway.guest.acts import Members
from gateway.guest.keys import KeyRing
from gateway.guest.links import home
from gateway.guest.reception import Place, Reception
from gateway.guest.web import WebServer
from gateway.identity.member import Member
from gateway.membership.consent import ConsentText, consent_text
from gateway.membership.membership import Membership
from rules.messages import say_why

log = logging.getLogger("hushbell")

AGAIN_S = 5.0


class GuestNetwork:
    """The guest network of one receiver."""

    def __init__(
        self, config: Config, guest: Guest, drivers: Sequence[Driver], core: Core, membership: Membership, key: bytes
    ) -> None:
        self._guest = guest
        driver = next(driver for driver in drivers if driver.receiver == guest.receiver)
        if not isinstance(driver, HostapdDriver):
            raise TypeError("the guest network's receiver is another's than hostapd's")
        self._driver = driver
        self._ring = KeyRing(guest.keys, driver.reload_keys, clock.wall) if guest.keys else None
        self._reception = None
        if guest.listen:
            members = Members(
                lambda address: core.owner("wifi", address),
                core.member,
                partial(membership.put, by="guest-page"),
                partial(membership.remove, by="guest-page"),
            )
            self._reception = Reception(self._place(config, guest.listen, key), members)

    def changed(self, put: Sequence[Member], removed: Sequence[str]) -> None:
        """Take that members were put, or went."""
        if self._ring:
            self._ring.changed(put, removed)

    async def run(self) -> None:
        """Serve the page and keep the keys until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            if self._reception and self._guest.listen:
                tasks.create_task(self._serve(self._reception, self._guest.listen))
            if self._ring:
                tasks.create_task(self._ring.run())

    async def _serve(self, reception: Reception, listen: Listen) -> None:
        """Serve as soon as the address is there, which may be when hostapd is."""
        told = ""
        while True:
            try:
                await WebServer(listen.address, listen.port, reception.answer, clock.wall).run()
            except OSError as error:
                if told != (told := f"{listen.address}:{listen.port}: {say_why(error)}"):
                    log.warning("the guest page cannot be served yet: %s", told)
            await asyncio.sleep(AGAIN_S)

    def _place(self, config: Config, listen: Listen, key: bytes) -> Place:
        languages: tuple[Language, ...] = ("zh", "en")
        texts: dict[Language, ConsentText] = {
            language: consent_text(language, config.privacy.visits_s) for language in languages
        }
        return Place(
            home=home(listen),
            language=config.store.language,
            timezone=config.store.timezone,
            texts=texts,
            key=key,
            find=self._find,
            clock=clock.wall,
            random=secrets.token_bytes,
        )

    async def _find(self, network_address: str) -> bytes | None:
        """Return the address of the phone that has a network address, where it is on the network at this moment."""
        try:
            address = await find_neighbour(network_address)
        except OSError:
            return None
        return address if address and self._driver.is_here(address) else None
