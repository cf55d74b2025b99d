"""Phones on the guest network of a virtual daemon, in a network of its own."""

from __future__ import annotations

import asyncio
import http.client
import re
from html import unescape
from urllib.parse import urlencode

from pyroute2 import AsyncIPRoute

HOME, PHONE, STRANGER = "10.0.0.1", "10.0.0.7", "10.0.0.8"
ADDRESSES = {PHONE: "5e:3a:11:22:33:44", STRANGER: "6a:00:5e:77:c1:d9"}
PORT = 8080
_PERMANENT = 0x80  # NUD_PERMANENT of linux/neighbour.h

CONFIG = """\
store: {{id: lilac-01, timezone: Asia/Shanghai}}
gateway: {{id: door-pi, state: state}}
mqtt: {{url: "{url}"}}
receivers: [{{id: guest-wifi, driver: hostapd, control: wlan0, ssid: Lilac-Guest}}]
zones: [{{id: floor, kind: inside, hear: [{{receiver: guest-wifi}}]}}]
presence: {{leave_after: 2 s}}
guest: {{receiver: guest-wifi, listen: "10.0.0.1:8080", keys: KEYS}}
"""


async def lay_network() -> None:
    """Lay an interface with the gateway's address and those of two phones, whose devices the kernel knows."""
    async with AsyncIPRoute() as net:
        await net.link("set", index=(await net.link_lookup(ifname="lo"))[0], state="up")
        await net.link("add", ifname="guest0", kind="veth", peer="guest1")
        number = (await net.link_lookup(ifname="guest0"))[0]
        await net.link("set", index=number, state="up")
        for address in (HOME, *ADDRESSES):
            await net.addr("add", index=number, address=address, prefixlen=24)
        for address, device in ADDRESSES.items():
            await net.neigh("add", dst=address, lladdr=device, ifindex=number, state=_PERMANENT)


class Phone:
    """A phone on the network, by its network address."""

    def __init__(self, address: str) -> None:
        self.address = address
        self.page = ""

    def ask(self, method: str, target: str, form: dict[str, str] | None = None) -> int:
        connection = http.client.HTTPConnection(HOME, PORT, timeout=10, source_address=(self.address, 0))
        headers = {"Accept-Language": "en"} | ({"Content-Type": "application/x-www-form-urlencoded"} if form else {})
        connection.request(method, target, urlencode(form) if form else None, headers)
        response = connection.getresponse()
        self.page = response.read().decode()
        connection.close()
        if location := response.headers["Location"]:
            return self.ask("GET", location.removeprefix(f"http://{HOME}:{PORT}"))
        return response.status

    def press(self, action: str, **fields: str) -> int:
        [inner] = re.findall(f'action="{action}">(.*?)</form>', self.page, re.DOTALL)[:1]
        hidden = re.findall(r'<input type="hidden" name="([^"]*)" value="([^"]*)">', inner)
        return self.ask("POST", action, {name: unescape(value) for name, value in hidden} | fields)


async def opened(phone: Phone) -> None:
    """Open the page as soon as it is served."""
    for _ in range(200):
        try:
            if await asyncio.to_thread(phone.ask, "GET", "/") == 200:
                return
        except OSError:
            pass
        await asyncio.sleep(0.05)
    raise AssertionError("the page is not served")
