"""`hushbell members`: put, pause, remove and list, on the store itself, with or without a daemon."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path

from gateway.config import Config
from gateway.configfile import ConfigError, load_config
from gateway.identity.member import Member, MemberError, parse_member
from gateway.identity.recognition import Register
from gateway.lines import complain, refuse, say
from gateway.roster import Roster, dumps
from gateway.store.database import StoreError
from gateway.store.store import Store

LONGEST_LINE_BYTES = 1 << 18

Work = Callable[[Config, Store], Awaitable[int]]


def put(config_path: Path, file: Path) -> int:
    """Put the members of a JSON-lines file; the lines that are refused are told, the good ones go in."""

    async def work(config: Config, store: Store) -> int:
        register = await load_register(store)
        good: dict[str, Member] = {}
        refused = 0
        for number, line in _lines(file):
            try:
                member = parse_member(_decoded(line)).signed(config.gateway.id, store.gateway_key)
                register.put(member)
                good[member.id] = member
            except MemberError as error:
                refused += 1
                complain(f"{file}:{number}: {error}")
        await store.put_members([(member.id, dumps(member)) for member in good.values()])
        if not good and not refused:
            complain(f"{file}: the file is empty, expected a member a line")
            return 2
        say(f"{len(good)} put, {refused} refused")
        return 1 if refused else 0

    return _with_store(config_path, work)


def pause(config_path: Path, member_id: str, until: str) -> int:
    """Stop recognising a member until an RFC 3339 time."""

    async def work(config: Config, store: Store) -> int:
        member = (await load_register(store)).get(member_id)
        if member is None:
            complain("no member has this id")
            return 2
        value = member.as_json()
        value["choices"]["paused_until"] = until
        paused = parse_member(value)
        await store.put_members([(paused.id, dumps(paused))])
        return 0

    return _with_store(config_path, work)


def remove(config_path: Path, member_id: str) -> int:
    """Erase a member: every row, and the keys."""

    async def work(config: Config, store: Store) -> int:
        if (await load_register(store)).get(member_id) is None:
            complain("no member has this id")
            return 2
        await store.erase_member(member_id)
        return 0

    return _with_store(config_path, work)


def list_(config_path: Path) -> int:
    """Print each member's id, what is carried and what was agreed to, a JSON object a line."""

    async def work(config: Config, store: Store) -> int:
        for member in await load_register(store):
            kinds = [credential.kind for credential in member.credentials]
            entry = {"member": member.id, "credentials": kinds, "purposes": sorted(member.purposes())}
            say(json.dumps(entry, ensure_ascii=False))
        return 0

    return _with_store(config_path, work)


async def load_register(store: Store) -> Register:
    """Fill a register with the stored members."""
    register = Register()
    for member, error in register.put_all((await Roster(store).changes()).put):
        complain(f"the stored member …{member.id[-2:]} is left out: {error}")
    return register


def _with_store(config_path: Path, work: Work) -> int:
    async def opened(config: Config) -> int:
        store = await Store.open(config.gateway.state, mend=False)
        try:
            return await work(config, store)
        finally:
            await store.close()

    try:
        return asyncio.run(opened(load_config(config_path)))
    except ConfigError as error:
        refuse(str(error))
    except (StoreError, MemberError) as error:
        complain(str(error))
    return 2


def _lines(file: Path) -> Iterator[tuple[int, bytes]]:
    """Yield the lines that are not blank, with their numbers; of an endless line only so much as tells it is one."""
    with file.open("rb") as stream:
        number = 0
        while line := stream.readline(LONGEST_LINE_BYTES + 1):
            number += 1
            if line.strip():
                yield number, line
            while not line.endswith(b"\n") and (line := stream.readline(LONGEST_LINE_BYTES)):
                pass


def _decoded(line: bytes) -> object:
    if len(line) > LONGEST_LINE_BYTES:
        raise MemberError("too_large", "", f"the line is longer than {LONGEST_LINE_BYTES} bytes")
    try:
        return json.loads(line)
    except (ValueError, RecursionError):
        raise MemberError("invalid", "", "is not a JSON object in UTF-8") from None
