"""What it costs to know whose frame one is, by how many members there are; a change of slots; private addresses.

Run it from the project's root: `python benchmarks/recognition.py [MOST_MEMBERS]`.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from random import Random

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

from measuring import Side, compare, line, say  # noqa: E402
from virtual_carriers import DIGEST_KEY, NAMESPACE, T, beacon, eid, ephemeral, irk, rotating, tuned  # noqa: E402

from drivers.sighting import Sighting  # noqa: E402
from gateway.ciphers import aes  # noqa: E402
from gateway.identity.credentials import parse_credential  # noqa: E402
from gateway.identity.member import Member  # noqa: E402
from gateway.identity.private_addresses import Phone, PrivateAddresses, _Trial  # noqa: E402
from gateway.identity.receipts import Receipt  # noqa: E402
from gateway.identity.recognition import Register  # noqa: E402
from gateway.identity.rotating import SLOT_S  # noqa: E402
from gateway.timekeeping import IDS_AT_ONCE  # noqa: E402

try:
    import bluetooth_data_tools as peer
except ImportError:
    peer = None  # type: ignore[assignment]

FEWEST = 1000
PRESENT = 100
FRAMES = 20_000
KEYS = 10_000
AGREED = (Receipt("recognise", "0" * 64, "zh", "card held to the door", "2025-11-01T09:00:00Z"),)
ADDRESS = b"\xc0\0\0\0\0\1"


def card(t: float, number: int) -> Sighting:
    identity = NAMESPACE + b"\1" * 8 + number.to_bytes(4, "big")
    return Sighting(t, "door", "ble", "ibeacon", -60, identity, -59, ADDRESS, "random")


def stranger(t: float, number: int) -> Sighting:
    return Sighting(
        t, "door", "ble", "advert", -60, address=b"\x40" + number.to_bytes(5, "big"), address_type="resolvable"
    )


def chip(number: int) -> dict[str, object]:
    uuid = (NAMESPACE + b"\1" * 8).hex()
    return {"kind": "ibeacon", "uuid": uuid, "major": number >> 16, "minor": number & 0xFFFF}


def enrolled(count: int, credential: Callable[[int], dict[str, object]]) -> Register:
    register = tuned()
    for number in range(1, count + 1):
        carried = parse_credential(credential(number), "credential")
        register.put(Member(f"member-{number}", (carried,), AGREED))
    return register


def recogniser(register: Register, frames: Sequence[Sighting]) -> Callable[[], object]:
    return lambda: [register.recognise(frame) for frame in frames]


def say_costs(most: int) -> None:
    """Compare few members with many: the same hundred are there, and are heard."""
    kinds: dict[str, tuple[Callable[[int], dict[str, object]], Callable[[float, int], Sighting]]] = {
        "a member's card": (chip, card),
        "a rotating id": (rotating, beacon),
        "an Eddystone-EID": (eid, lambda t, number: ephemeral(t, 70_000 >> 10, number)),
        "an unknown card of our namespace": (rotating, lambda t, number: beacon(t, number + 10_000_000)),
        "a stranger's advert": (chip, stranger),
    }
    say(f"recognition (us of CPU a frame, medians; {FEWEST} members, {most}, and the ratio; target: at most 1.2)\n")
    for what, (credential, frame) in kinds.items():
        few, many = enrolled(FEWEST, credential), enrolled(most, credential)
        heard = [frame(T + n / FRAMES, 1 + n % PRESENT) for n in range(FRAMES)]
        cost = compare({"few": Side(FRAMES, recogniser(few, heard)), "many": Side(FRAMES, recogniser(many, heard))})
        ratio = cost["many"] / cost["few"]
        say(f"  {what:<40}{cost['few']:>8.2f}{cost['many']:>8.2f}{ratio:>8.2f}\n")


def say_slots(most: int) -> None:
    """Prepare a slot as the daemon does, then let everybody be heard at its beginning."""
    register = enrolled(most, rotating)
    while register.prepare(T, IDS_AT_ONCE):
        pass
    holds: list[float] = []
    spent, is_more = time.process_time(), True
    while is_more:
        begun = time.process_time()
        is_more = register.prepare(T + SLOT_S, IDS_AT_ONCE)
        holds.append(time.process_time() - begun)
    spent = time.process_time() - spent
    frames = [beacon(T + SLOT_S, number) for number in range(1, most + 1)]
    begun = time.process_time()
    first = register.recognise(frames[0])
    turn = time.process_time() - begun
    dropped = sum(register.recognise(frame) is None for frame in frames[1:]) + (first is None)
    say(f"a change of slots, {most} rotating members\n")
    line("  the next slot's ids, CPU", spent, "s")
    line("  the loop is held for at most, at a time (target: 10)", max(holds) * 1e3, "ms", f"{len(holds)} times")
    line("  the first frame of the slot", turn * 1e3, "ms")
    line("  frames at its beginning that nobody was recognised by (target: 0)", dropped, "")


def say_addresses() -> None:
    """Try strangers' addresses against many keys, beside the loop of bluetooth-data-tools."""
    draw = Random(1)
    keys = [draw.randbytes(16) for _ in range(KEYS)]
    phones = [Phone(key, Member("nobody"), aes(key)) for key in keys]
    addresses = [bytes([0x40 | draw.getrandbits(6)]) + draw.randbytes(5) for _ in range(64)]

    def tried(count: int) -> Callable[[], object]:
        def work() -> None:
            trial = _Trial(dict.fromkeys(addresses[:count], T), phones)
            while trial.go_on():
                pass

        return work

    sides = {f"{count}": Side(count, tried(count)) for count in (1, 16, 64)}
    if peer is not None:
        ciphers = [peer.get_cipher_for_irk(key) for key in keys]
        told = addresses[0].hex(":").upper()
        sides["peer"] = Side(1, lambda: [peer.resolve_private_address(cipher, told) for cipher in ciphers])
    cost = compare(sides)
    say(f"a stranger's new private address, {KEYS} keys (ms of CPU an address, medians)\n")
    for count in (1, 16, 64):
        line(f"  ours, {count} at a time", cost[f"{count}"] / 1e3, "ms")
    if "peer" in cost:
        line("  bluetooth-data-tools", cost["peer"] / 1e3, "ms")
        line("  ours, one at a time, of that (target: 0.1)", cost["1"] / cost["peer"], "")
    private = PrivateAddresses(DIGEST_KEY)
    for number, key in enumerate(keys):
        private.put(key, Member(f"member-{number}", (parse_credential(irk(1), "credential"),), AGREED))
    private.seek(addresses[0], T)
    holds = []
    while private.deadline < T + 60:
        begun = time.process_time()
        private.advance(private.deadline)
        holds.append(time.process_time() - begun)
    line("  the loop is held for at most, at a time (target: 10)", max(holds) * 1e3, "ms")
    known = compare({"known": Side(FRAMES, lambda: [private.seek(addresses[0], T + 61) for _ in range(FRAMES)])})
    line("  the same address again", known["known"])


def main(arguments: list[str]) -> int:
    most = int(arguments[0]) if arguments else 100_000
    say_costs(most)
    say_slots(most)
    say_addresses()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
