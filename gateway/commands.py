"""What the back end may ask over MQTT, and how each is answered."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from drivers.driver import Clock
from gateway.core import Core
from gateway.explain import story
from gateway.health import Health
from gateway.identity.fields import Fields
from gateway.identity.member import MemberError, parse_member
from gateway.identity.personal import refuse_personal
from gateway.membership import Membership
from gateway.mqtt.commands import CommandError
from gateway.store.store import Store

Arguments = Mapping[str, Any]
Answer = dict[str, Any]
Handler = Callable[[Arguments], Awaitable[Answer]]


class Desk:
    """Answers commands."""

    def __init__(self, store: Store, core: Core, membership: Membership, health: Health, clock: Clock) -> None:
        self._store = store
        self._core = core
        self._membership = membership
        self._health = health
        self._clock = clock

    def handlers(self) -> dict[str, Handler]:
        """Return the handler of each command by its name."""
        named = {
            "members.put": self.put,
            "members.pause": self.pause,
            "members.remove": self.remove,
            "explain": self.explain,
            "status": self.status,
        }
        return {name: _refusing(handler) for name, handler in named.items()}

    async def put(self, arguments: Arguments) -> Answer:
        """Enrol or change a member, given as the contract's object."""
        member = parse_member(dict(arguments))
        await self._membership.put(member)
        return {"member": member.id}

    async def pause(self, arguments: Arguments) -> Answer:
        """Stop recognising a member until a time, or, with null, begin again."""
        fields = Fields(dict(arguments), "", ("member", "until"))
        member = self._core.member(fields.text("member", 4, 128))
        if member is None:
            raise CommandError("unknown", "is not enrolled", "member")
        value = member.as_json()
        value["choices"]["paused_until"] = arguments.get("until")
        await self._membership.put(parse_member(value))
        return {"member": member.id, "paused_until": arguments.get("until")}

    async def remove(self, arguments: Arguments) -> Answer:
        """Erase a member: every row, and at once."""
        member_id = Fields(dict(arguments), "", ("member",)).text("member", 4, 128)
        await self._membership.remove(member_id)
        return {"member": member_id}

    async def explain(self, arguments: Arguments) -> Answer:
        """Say why an alert or offer came, or what became of a visit."""
        subject = Fields(dict(arguments), "", ("id",)).text("id", 3, 64)
        return {"id": subject, "decisions": await story(self._store, subject)}

    async def status(self, arguments: Arguments) -> Answer:
        """Say what the retained status says."""
        Fields(dict(arguments), "", ())
        return self._health.status(self._clock())


def _refusing(handler: Handler) -> Handler:
    """Return a handler that refuses in the answer's own terms."""

    async def refusing(arguments: Arguments) -> Answer:
        try:
            refuse_personal(dict(arguments))
            return await handler(arguments)
        except MemberError as error:
            raise CommandError(error.code, error.message, error.field) from error

    return refusing
