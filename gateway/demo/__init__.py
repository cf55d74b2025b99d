"""`hushbell demo`: a simulated shop on a broker of its own, told from what is seen on MQTT alone."""

from __future__ import annotations

import asyncio
import signal
import tempfile
from pathlib import Path

from gateway.commandline.lines import complain, say
from gateway.demo.broker import free_port, make_broker
from gateway.demo.cast import NotSeenError
from gateway.demo.scenes import play_scenes
from gateway.demo.stage import Stage
from gateway.demo.story import ROOT, Story
from gateway.demo.wire import Wire
from gateway.mqtt.outgoing import PublishError
from gateway.shipped import shipped_folder
from rules.messages import language_now
from rules.messages import say as told

SIX_LINES = 6


def demo(*, fast: bool, every_scene: bool) -> int:
    """Play the demo, or every scene; return 0 when every step was really seen."""
    play = _play_scenes if every_scene else _play
    with tempfile.TemporaryDirectory(prefix="hushbell-demo-") as name:
        folder = Path(name)
        port = free_port()
        broker = make_broker(folder, port)
        broker.start()
        try:
            asyncio.run(play(folder, port, fast=fast))
        except asyncio.CancelledError:
            return 143
        except (NotSeenError, PublishError) as error:
            complain(str(error))
            show_log(folder)
            return 1
        finally:
            broker.stop()
    return 0


async def _play(folder: Path, port: int, *, fast: bool) -> None:
    wire = Wire(port)
    await wire.join()
    try:
        text = (shipped_folder() / "demo.yaml").read_text(encoding="utf-8").replace(":18830", f":{wire.port}")
        (folder / "demo.yaml").write_text(text, encoding="utf-8")
        say("\n".join(text.splitlines()[:SIX_LINES]))
        say(f"Listen in from a second terminal: mosquitto_sub -V mqttv5 -p {port} -t '{ROOT}/#' -v\n")
        playing = asyncio.ensure_future(Story(folder, port, wire, fast=fast).play())
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, playing.cancel)
        await playing
    finally:
        await wire.cut()


async def _play_scenes(folder: Path, port: int, *, fast: bool) -> None:
    text = (shipped_folder() / "demo-all.yaml").read_text(encoding="utf-8")
    text = text.replace(":18830", f":{port}").replace("language: zh", f"language: {language_now()}")
    (folder / "demo.yaml").write_text(text, encoding="utf-8")
    say(f"{told('Listen in from a second terminal:')} mosquitto_sub -V mqttv5 -p {port} -t '{ROOT}/#' -v\n")
    playing = asyncio.ensure_future(play_scenes(Stage(folder, port), fast=fast))
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, playing.cancel)
    await playing


def show_log(folder: Path) -> None:
    """Print what the gateway said last."""
    log = folder / "hushbell.log"
    for line in log.read_text(encoding="utf-8").splitlines()[-20:] if log.exists() else ():
        complain(f"the gateway said: {line}")
