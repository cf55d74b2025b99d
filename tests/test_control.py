import asyncio
import stat
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from gateway.control import MOST_CLIENTS, NAME, ControlError, ControlServer, Handler, Send, ask


async def counting(request: dict[str, Any], send: Send) -> None:
    for number in range(request["up_to"]):
        send({"number": number})


@asynccontextmanager
async def serving(folder: Path, handler: Handler = counting) -> AsyncIterator[None]:
    server = ControlServer(folder, handler)
    task = asyncio.create_task(server.run())
    try:
        async with asyncio.timeout(10):
            await server.listening.wait()
            yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


def test_a_request_is_answered_with_many_lines_in_a_folder_however_deep(tmp_path: Path) -> None:
    folder = tmp_path / ("deep" * 40) / ("er" * 60)
    folder.mkdir(parents=True)

    async def main() -> list[Any]:
        async with serving(folder):
            return [answer["number"] async for answer in ask(folder, {"up_to": 3})]

    assert asyncio.run(main()) == [0, 1, 2]


def test_only_the_owner_may_talk(tmp_path: Path) -> None:
    async def main() -> int:
        async with serving(tmp_path):
            return stat.S_IMODE((tmp_path / NAME).stat().st_mode)

    assert asyncio.run(main()) == 0o600


def test_without_a_daemon_one_line_says_so(tmp_path: Path) -> None:
    async def main() -> None:
        async for _ in ask(tmp_path, {}):
            pass

    with pytest.raises(ControlError, match="hushbell run"):
        asyncio.run(main())


def test_a_socket_left_by_a_killed_daemon_is_told_and_taken_over(tmp_path: Path) -> None:
    async def main() -> int:
        async with serving(tmp_path):
            pass
        with pytest.raises(ControlError, match="stopped"):
            [answer async for answer in ask(tmp_path, {})]
        async with serving(tmp_path):
            return len([answer async for answer in ask(tmp_path, {"up_to": 1})])

    assert asyncio.run(main()) == 1


@pytest.mark.parametrize("nonsense", [b"\n", b"{{{\n", b"[" * 70_000 + b"\n", b"\xff\n"])
def test_nonsense_ends_the_talk_and_nothing_else(tmp_path: Path, nonsense: bytes) -> None:
    async def main() -> int:
        async with serving(tmp_path):
            reader, writer = await asyncio.open_unix_connection(tmp_path / NAME)
            writer.write(nonsense)
            await reader.read()
            writer.close()
            return len([answer async for answer in ask(tmp_path, {"up_to": 2})])

    assert asyncio.run(main()) == 2


def test_a_client_that_goes_away_ends_its_handler(tmp_path: Path) -> None:
    async def main() -> bool:
        ended = asyncio.Event()

        async def endless(request: dict[str, Any], send: Send) -> None:
            send({})
            try:
                await asyncio.Event().wait()
            finally:
                ended.set()

        async with serving(tmp_path, endless):
            async for _ in ask(tmp_path, {}):
                break
            await asyncio.wait_for(ended.wait(), 5)
            return ended.is_set()

    assert asyncio.run(main())


def test_more_clients_than_are_allowed_are_turned_away(tmp_path: Path) -> None:
    async def main() -> bytes:
        async def silent(request: dict[str, Any], send: Send) -> None:
            send({})
            await asyncio.Event().wait()

        async with serving(tmp_path, silent):
            talks = [await asyncio.open_unix_connection(tmp_path / NAME) for _ in range(MOST_CLIENTS)]
            for reader, writer in talks:
                writer.write(b"{}\n")
                await reader.readline()
            reader, extra = await asyncio.open_unix_connection(tmp_path / NAME)
            answer = await reader.read()
            for _, writer in [*talks, (reader, extra)]:
                writer.close()
            return answer

    assert b"too many" in asyncio.run(main())
