"""A real Chromium without a window, led by its DevTools over a pipe; scripts in pages are switched off."""

from __future__ import annotations

import asyncio
import base64
import json
import os
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

NAMES = ("chromium-headless-shell", "chromium")
ANSWER_S = 30.0


def find_browser() -> str | None:
    return next(filter(None, map(shutil.which, NAMES)), None)


class RealBrowser:
    """One page. `texts` and `boxes` are what is seen of it, not what it is written as."""

    def __init__(self, reader: asyncio.StreamReader, out: int) -> None:
        self._reader = reader
        self._out = out
        self._number = 0
        self._session = ""

    async def begin(self) -> None:
        targets = (await self._call("Target.getTargets"))["targetInfos"]
        page = next(target["targetId"] for target in targets if target["type"] == "page")
        self._session = (await self._call("Target.attachToTarget", targetId=page, flatten=True))["sessionId"]
        await self._call("Page.enable")
        await self._call("Emulation.setScriptExecutionDisabled", value=True)

    async def open(self, url: str, language: str) -> None:
        await self._call("Network.enable")
        await self._call("Network.setExtraHTTPHeaders", headers={"Accept-Language": language})
        await self._call("Page.navigate", url=url)
        await self._event("Page.loadEventFired")

    async def look(self, expression: str) -> Any:
        """Ask for what DevTools sees of the page."""
        answer = await self._call("Runtime.evaluate", expression=expression, returnByValue=True)
        return answer["result"].get("value")

    async def click(self, selector: str, number: int = 0, *, leads_on: bool = False) -> None:
        """Click into the middle of an element with the mouse; wait for the next page where it leads to one."""
        where = await self.look(
            f"(() => {{ const e = document.querySelectorAll({json.dumps(selector)})[{number}];"
            " e.scrollIntoView({block: 'center'}); const b = e.getBoundingClientRect();"
            " return [b.x + b.width / 2, b.y + b.height / 2] })()"
        )
        for kind in ("mousePressed", "mouseReleased"):
            place = {"x": where[0], "y": where[1], "button": "left", "clickCount": 1}
            await self._call("Input.dispatchMouseEvent", type=kind, **place)
        if leads_on:
            await self._event("Page.loadEventFired")

    async def picture(self) -> bytes:
        """Return the whole page as a PNG file."""
        shot = await self._call("Page.captureScreenshot", captureBeyondViewport=True)
        return base64.b64decode(shot["data"])

    async def _call(self, method: str, **parameters: Any) -> dict[str, Any]:
        self._number += 1
        call = {"id": self._number, "method": method, "params": parameters}
        os.write(self._out, json.dumps(call | ({"sessionId": self._session} if self._session else {})).encode() + b"\0")
        while (said := await self._read()).get("id") != self._number:
            pass
        assert "error" not in said, said
        return dict(said["result"])

    async def _event(self, name: str) -> None:
        while (await self._read()).get("method") != name:
            pass

    async def _read(self) -> dict[str, Any]:
        async with asyncio.timeout(ANSWER_S):
            return dict(json.loads((await self._reader.readuntil(b"\0"))[:-1]))


@asynccontextmanager
async def browsing(folder: Path) -> AsyncIterator[RealBrowser]:
    """Run a browser with a profile of its own as long as the block."""
    (theirs, out), (answers, their_out) = os.pipe(), os.pipe()
    process = await asyncio.create_subprocess_exec(
        "/bin/bash",
        "-c",
        f'exec "$0" "$@" 3<&{theirs} 4>&{their_out}',
        find_browser() or "",
        *("--headless", "--no-sandbox", "--disable-dev-shm-usage", "--disable-background-networking"),
        *("--remote-debugging-pipe", f"--user-data-dir={folder}", "--window-size=390,844", "about:blank"),
        pass_fds=(theirs, their_out),
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
    )
    os.close(theirs)
    os.close(their_out)
    reader = asyncio.StreamReader(limit=1 << 24)
    pipe = os.fdopen(answers, "rb")
    transport, _ = await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(reader), pipe
    )
    try:
        browser = RealBrowser(reader, out)
        await browser.begin()
        yield browser
    finally:
        process.kill()
        await process.wait()
        transport.close()
        os.close(out)
