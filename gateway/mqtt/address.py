"""Where a broker is: its URL, read."""

from __future__ import annotations

import re
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Any, Literal
from urllib.parse import SplitResult, unquote, urlsplit

Scheme = Literal["mqtt", "mqtts", "ws", "wss", "mqtt+unix"]

PORTS: dict[Scheme, int] = {"mqtt": 1883, "mqtts": 8883, "ws": 80, "wss": 443, "mqtt+unix": 0}
"""Each scheme with its usual port (IANA; RFC 6455, section 3)."""

USUAL_PATH = "/mqtt"
LONGEST_SOCKET_PATH = 107  # sun_path of unix(7), without its end

_HOST = re.compile(r"[\w-]+(\.[\w-]+)*\.?")
_PATH = re.compile(r"/[!-~]*")


@dataclass(frozen=True, slots=True)
class Address:
    """One broker. `path` is that of a WebSocket or of a Unix socket; a Unix socket has neither host nor port."""

    scheme: Scheme
    host: str
    port: int
    path: str = ""

    @property
    def tls(self) -> bool:
        return self.scheme in ("mqtts", "wss")

    @property
    def websocket(self) -> bool:
        return self.scheme in ("ws", "wss")

    @property
    def unix(self) -> bool:
        return self.scheme == "mqtt+unix"

    @property
    def is_local(self) -> bool:
        """Whether what is said stays on this machine."""
        try:
            return self.unix or self.host == "localhost" or ip_address(self.host).is_loopback
        except ValueError:
            return False

    @property
    def authority(self) -> str:
        """Host and port as they stand in a URL (RFC 3986, section 3.2)."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    def __str__(self) -> str:
        return self.path if self.unix else self.authority


class AddressError(ValueError):
    """Carries what is wrong with a URL, as a message and its values; it never repeats more of it than the scheme."""

    def __init__(self, english: str, **values: Any) -> None:
        super().__init__(english.format(**values))
        self.english = english
        self.values = values


def parse_url(url: str) -> Address:
    """Read a broker's URL. Raises AddressError."""
    scheme, separator, rest = url.partition("://")
    if not separator:
        raise AddressError(
            "this is no broker's address, expected one such as mqtt://127.0.0.1 or mqtts://broker.example:8883"
        )
    known = next((name for name in PORTS if name == scheme), None)
    if known is None:
        raise AddressError(
            "unknown scheme {scheme}, expected one of {known}", scheme=repr(scheme[:16]), known=", ".join(PORTS)
        )
    if "@" in rest.partition("/")[0]:
        raise AddressError(
            "a user or password does not belong in the address, expected username and password_file beside it"
        )
    return _parse_unix(rest) if known == "mqtt+unix" else _parse_network(known, url)


def _parse_unix(path: str) -> Address:
    path = unquote(path)
    if not _PATH.fullmatch(path) or path.endswith("/") or len(path) > LONGEST_SOCKET_PATH:
        raise AddressError("expected the absolute path of a socket, such as mqtt+unix:///run/mosquitto/mqtt.sock")
    return Address("mqtt+unix", "", 0, path)


def _parse_network(scheme: Scheme, url: str) -> Address:
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise AddressError("host or port is wrong, expected an address such as mqtts://broker.example:8883") from None
    if not _is_host(parts):
        raise AddressError("the host is missing or wrong, expected an address such as mqtt://127.0.0.1")
    if port == 0 or parts.netloc.endswith(":"):
        raise AddressError("the port is wrong, expected 1 to 65535")
    address = Address(scheme, parts.hostname or "", port or PORTS[scheme])
    if address.websocket:
        return Address(scheme, address.host, address.port, _websocket_path(parts))
    if parts.path not in ("", "/") or parts.query or parts.fragment:
        raise AddressError("nothing may follow host and port here, expected an address such as mqtt://127.0.0.1")
    return address


def _websocket_path(parts: SplitResult) -> str:
    path = parts.path or USUAL_PATH
    if parts.query or parts.fragment or not _PATH.fullmatch(path):
        raise AddressError("only a path may follow host and port here, such as wss://broker.example/mqtt")
    return path


def _is_host(parts: SplitResult) -> bool:
    host = parts.hostname or ""
    if ":" not in host:
        return _HOST.fullmatch(host) is not None
    try:
        return ip_address(host).version == 6
    except ValueError:
        return False
