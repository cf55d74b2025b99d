"""The `guest` part of a configuration."""

from __future__ import annotations

from collections.abc import Sequence
from ipaddress import IPv4Address, IPv6Address, ip_address
from pathlib import Path

from gateway.configuration.config import Guest, Listen, Receiver
from gateway.configuration.configvalues import get, read_path, read_text
from rules.document import Node


def read_guest(node: Node, folder: Path, receivers: Sequence[Receiver]) -> Guest | None:
    """Read where the guest page is served, and where members' keys are written."""
    keys = node.fields(("receiver", "listen", "keys"), ("receiver",), "guest")
    receiver = get(keys, "receiver", lambda node: _read_receiver(node, receivers), None)
    guest = Guest(
        receiver.id if receiver else "",
        get(keys, "listen", read_listen, None),
        get(keys, "keys", read_path(folder), None),
    )
    if "receiver" in keys and not {"listen", "keys"} & keys.keys():
        node.fault("guest has no use without listen or keys", warning=True)
    return guest if receiver else None


def _read_receiver(node: Node, receivers: Sequence[Receiver]) -> Receiver | None:
    name = node.text("a receiver's id")
    found = next((receiver for receiver in receivers if receiver.id == name), None)
    if name is not None and receivers and found is None:
        node.unknown("receiver", name, [receiver.id for receiver in receivers])
    if found and found.driver != "hostapd":
        node.fault("the guest network is one that hostapd serves, and this receiver's driver is another")
        return None
    return found


def read_listen(node: Node) -> Listen | None:
    """Read a network address of one's own and a port."""
    expected = "an address and a port such as 10.0.0.1:8080"
    raw = read_text(node)
    if raw is None:
        return None
    host, _, port = raw.rpartition(":")
    address = _address(host)
    if address is None or not (port.isascii() and port.isdigit() and 1 <= int(port[:6]) <= 65535):
        node.unexpected(expected)
        return None
    if address.is_unspecified or address.is_multicast:
        node.fault("the page belongs on the guest network alone, expected this machine's address on it")
        return None
    if address.is_global:
        node.fault(
            "this address can be reached from all the world, the page belongs on the guest network", warning=True
        )
    return Listen(str(address), int(port))


def _address(host: str) -> IPv4Address | IPv6Address | None:
    bracketed = host.startswith("[") and host.endswith("]")
    try:
        address = ip_address(host[1:-1] if bracketed else host)
    except ValueError:
        return None
    return address if bracketed is (address.version == 6) and "%" not in host else None
