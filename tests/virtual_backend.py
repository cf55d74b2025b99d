"""A back end beside the virtual daemon: what it waits for on the broker, and what it asks."""

from __future__ import annotations

import json
from typing import Any

from virtual_client import Received, VirtualClient

ROOT = "hushbell/v1/lilac-01"
STATUS = f"{ROOT}/gateways/door-pi/status"


def is_event(message: Received) -> bool:
    return message.content_type == "application/cloudevents+json"


def of_type(client: VirtualClient, kind: str) -> list[Received]:
    return [m for m in client.received if is_event(m) and m.body["type"] == f"hushbell.{kind}"]


def events(client: VirtualClient, kind: str) -> list[dict[str, Any]]:
    """Return what events of a kind are about."""
    return [dict(message.body["data"]) for message in of_type(client, kind)]


def wait_for(client: VirtualClient, kind: str, count: int = 1) -> list[Received]:
    client.wait_until(lambda: len(of_type(client, kind)) >= count, 20)
    return of_type(client, kind)


def wait_for_status(client: VirtualClient, state: str, door: str | None = None) -> dict[str, Any]:
    def last() -> dict[str, Any]:
        found = [m for m in client.received if m.topic == STATUS and m.payload]
        return dict(found[-1].body) if found else {}

    client.wait_until(
        lambda: last().get("state") == state and (door is None or last().get("receivers", {}).get("door") == door), 20
    )
    return last()


def ask(client: VirtualClient, command: str, arguments: Any) -> dict[str, Any]:
    answers = f"{ROOT}/replies/test/{len(client.received)}"
    client.request(f"{ROOT}/commands/{command}", arguments, answers, b"1")
    client.wait_until(lambda: any(m.topic == answers for m in client.received))
    return dict(next(m for m in client.received if m.topic == answers).body)


def unfit(body: Any) -> bytes:
    """Write what is not as the contract has it, which the client would not send by mistake."""
    return json.dumps(body).encode()
