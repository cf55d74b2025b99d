"""Frames to sightings, beside scapy and dpkt, with every field held to tshark's; adverts beyond what bleak costs.

Run it from the project's root: `python benchmarks/decoders.py`. dpkt and tshark are left out where they are missing.
"""

from __future__ import annotations

import asyncio
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from random import Random
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

from bleak.backends.device import BLEDevice  # noqa: E402
from bleak.backends.scanner import AdvertisementData  # noqa: E402
from measuring import Side, compare, line, say  # noqa: E402
from scapy.layers.dot11 import RadioTap  # noqa: E402
from virtual_captures import Field, Stamped, Vendor, channel, flags, management, pcap, radiotap, signal  # noqa: E402

from drivers.advertisement import decode_hci_event  # noqa: E402
from drivers.ble import BleDriver  # noqa: E402
from drivers.dot11 import decode_radiotap_frame  # noqa: E402
from drivers.frames import ibeacon_report  # noqa: E402
from drivers.sighting import Sighting  # noqa: E402

try:
    from dpkt.radiotap import Radiotap
except ImportError:
    Radiotap = None

T = 1_763_791_200.0
FRAMES = 200
LINK_RADIOTAP = 127
REFERENCE_US = 750.0
BODY = bytes([0, 0]) + bytes.fromhex("010402040b16") + bytes([45, 26]) + bytes(26) + bytes([127, 8]) + bytes(8)

TSFT = Field(0, 8, bytes(8))
RATE = Field(2, 1, b"\x02")
ANTENNA = Field(11, 1, b"\0")
RX_FLAGS = Field(14, 2, bytes(2))
TIMESTAMP = Field(22, 8, bytes(12))

LAYOUTS: dict[str, Callable[[int], bytes]] = {
    "channel and signal": lambda dbm: radiotap([[channel(2437), signal(dbm)]]),
    "flags, channel, signal": lambda dbm: radiotap([[flags(0), channel(2437), signal(dbm)]]),
    "as the kernel writes it": lambda dbm: radiotap(
        [[TSFT, flags(0), RATE, channel(5180), signal(dbm), RX_FLAGS, TIMESTAMP]]
    ),
    "two antennas": lambda dbm: radiotap(
        [
            [TSFT, flags(0), RATE, channel(2412), signal(dbm), RX_FLAGS],
            [signal(dbm - 2), ANTENNA],
            [signal(dbm - 5), ANTENNA],
        ]
    ),
    "a vendor's namespace": lambda dbm: radiotap([[flags(0), channel(2462), signal(dbm)], Vendor(bytes(8), 1)]),
}


def frames(layout: Callable[[int], bytes]) -> list[bytes]:
    """Return probe requests of different stations, levels and numbers behind one layout."""
    draw = Random(7)
    return [
        layout(draw.randint(-95, -30)) + management(4, b"\x9e" + draw.randbytes(5), draw.randint(0, 4095), BODY)
        for _ in range(FRAMES)
    ]


def decode(captured: Sequence[bytes]) -> list[Sighting | None]:
    counters: Counter[str] = Counter()
    return [decode_radiotap_frame(T, "air", frame, counters) for frame in captured]


def say_frames() -> None:
    say("a probe request, frame bytes to sighting, by radiotap layout (us of CPU, medians)\n")
    say(f"{'':<28}{'ours':>8}{'dpkt':>9}{'scapy':>10}{'ours/dpkt':>12}{'ours/scapy':>12}\n")
    for name, layout in LAYOUTS.items():
        captured = frames(layout)
        sides = {
            "ours": Side(FRAMES * 20, partial(_decode_often, captured)),
            "scapy": _through(RadioTap, captured[:20]),
        }
        if Radiotap is not None and _dissects(captured[0]):
            sides["dpkt"] = _through(Radiotap, captured)
        cost = compare(sides)
        ours, dpkt, scapy = cost["ours"], cost.get("dpkt"), cost["scapy"]
        by_dpkt = (f"{dpkt:>9.2f}", f"{f'1/{dpkt / ours:.0f}':>12}") if dpkt else (f"{'-':>9}", f"{'-':>12}")
        say(f"{name:<28}{ours:>8.2f}{by_dpkt[0]}{scapy:>10.1f}{by_dpkt[1]}{f'1/{scapy / ours:.0f}':>12}\n")


def _decode_often(captured: Sequence[bytes]) -> None:
    for _ in range(20):
        decode(captured)


def _through(dissect: Callable[[bytes], object], captured: Sequence[bytes]) -> Side:
    return Side(len(captured), lambda: [dissect(frame) for frame in captured])


def _dissects(frame: bytes) -> bool:
    """Tell whether dpkt takes the layout; it raises on what it does not know."""
    try:
        Radiotap(frame)
    except Exception:
        return False
    return True


def say_tshark() -> None:
    if shutil.which("tshark") is None:
        say("tshark is not installed: fields are not compared\n")
        return
    captured = [frame for layout in LAYOUTS.values() for frame in frames(layout)]
    differing = [
        (ours, theirs)
        for ours, theirs in zip(map(_fields, decode(captured)), _by_tshark(captured), strict=True)
        if ours != theirs
    ]
    say(f"fields that differ from tshark's, in {len(captured)} frames: {len(differing)}\n")
    for ours, theirs in differing[:3]:
        say(f"  ours {ours}, tshark's {theirs}\n")


Fields = tuple[str, ...]


def _fields(sighting: Sighting | None) -> Fields:
    if sighting is None:
        return ()
    address = sighting.address or b""
    return (
        address.hex(":"),
        str(sighting.sequence),
        str(sighting.rssi),
        str(sighting.frequency),
        sighting.kind,
    )


def _by_tshark(captured: Sequence[bytes]) -> Iterator[Fields]:
    """Yield what tshark says of each frame: of several antennas the first, which stands for all of them."""
    names = ("wlan.ta", "wlan.seq", "radiotap.dbm_antsignal", "radiotap.channel.freq", "wlan.fc.type_subtype")
    with tempfile.NamedTemporaryFile(suffix=".pcap") as file:
        file.write(pcap([Stamped(int(T * 1e9), frame) for frame in captured], LINK_RADIOTAP))
        file.flush()
        command = ["tshark", "-r", file.name, "-T", "fields", "-E", "occurrence=f"]
        command += [part for name in names for part in ("-e", name)]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
    for row in done.stdout.splitlines():
        *told, subtype = row.split("\t")
        yield (*told, "probe-request" if int(subtype, 0) == 4 else subtype)


async def say_adverts() -> None:
    counters: Counter[str] = Counter()
    identity = bytes(range(20))
    report = ibeacon_report(b"\xc0\0\0\0\0\1", -61, identity)
    times = 5000
    cost = compare(
        {
            "hci": Side(times, lambda: [decode_hci_event(T, "door", report, counters) for _ in range(times)]),
            "same": _advert_side(times, changing=False, ours=True),
            "changing": _advert_side(times, changing=True, ours=True),
            "nothing, same": _advert_side(times, changing=False, ours=False),
            "nothing, changing": _advert_side(times, changing=True, ours=False),
        }
    )
    pace = _pace()
    say(f"an advert to a sighting (us of CPU, medians; this core, now, takes {pace:.1f} times the reference's time)\n")
    for what, spent in (
        ("an HCI event, with its iBeacon", cost["hci"]),
        ("from bleak's callback, the payload as before", cost["same"] - cost["nothing, same"]),
        ("from bleak's callback, another payload", cost["changing"] - cost["nothing, changing"]),
    ):
        line(f"  {what}", spent, note=f"{spent / pace:.2f} on the reference; target beyond bleak: 1")


def _pace() -> float:
    """Return how much slower than the reference this core is now: scapy's dissection takes 750 us there."""
    captured = frames(LAYOUTS["flags, channel, signal"])[:20]
    return compare({"scapy": _through(RadioTap, captured)})["scapy"] / REFERENCE_US


def _advert_side(times: int, *, changing: bool, ours: bool) -> Side:
    """Call what bleak calls, with data in new objects as each signal brings them; or only go through the motions."""
    driver = BleDriver("door", None, lambda: T)
    driver._deliver, driver._loop = lambda sightings: None, asyncio.get_running_loop()
    properties: dict[str, Any] = {"AddressType": "random"}
    device = BLEDevice("C0:00:00:00:00:01", None, {"path": "/", "props": properties})
    advert = AdvertisementData(None, {}, {}, [], None, -61, ("/", properties))
    payloads = [
        {0x004C: b"\x02\x15" + bytes(18) + bytes((0, n % 2 if changing else 0)) + b"\xc5"} for n in range(times)
    ]
    hear: Callable[[BLEDevice, AdvertisementData], object] = driver._on_advert if ours else lambda device, advert: None

    def work() -> None:
        for payload in payloads:
            properties["ManufacturerData"] = payload
            hear(device, advert)

    return Side(times, work)


def main() -> int:
    say_frames()
    say_tshark()
    asyncio.run(say_adverts())
    return 0


if __name__ == "__main__":
    sys.exit(main())
