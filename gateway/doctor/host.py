"""The machine itself: clock, memory that must not reach a disk, the state folder, card and power."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from shlex import quote

from gateway.configuration.config import Config
from gateway.doctor.access import INSTALL
from gateway.doctor.facts import Facts, Machine, SwapKeeper
from gateway.doctor.findings import Finding, advice, missing, ok
from gateway.doctor.machine import BLUETOOTH_FOLDER

MEGABYTE = 1_000_000
TOO_LITTLE_BYTES, LITTLE_BYTES = 50 * MEGABYTE, 500 * MEGABYTE
READ_WRITE, READ_WRITE_SEARCH = 0o6, 0o7

LATE_LIFE = 9
"""Tenths of an eMMC's life, begun; 11 is past the end (JESD84-B51, DEVICE_LIFE_TIME_EST)."""

SWAP_OFF = {
    SwapKeeper.DPHYS: "sudo systemctl disable --now dphys-swapfile",
    SwapKeeper.RPI_SWAP: (
        "sudo mkdir -p /etc/rpi/swap.conf.d && printf '[Main]\\nMechanism=zram\\n' | "
        "sudo tee /etc/rpi/swap.conf.d/hushbell.conf && sudo reboot"
    ),
    SwapKeeper.FSTAB: r"sudo swapoff -a && sudo sed -i 's/^[^#].*\sswap\s/#&/' /etc/fstab",
}


def check_clock(config: Config, facts: Facts) -> Iterator[Finding]:
    """Judge whether somebody keeps the clock right."""
    if facts.clock_synchronised:
        yield ok("clock", "the clock is synchronised")
    elif facts.clock_synchronised is None:
        yield advice("clock", "whether the clock is synchronised cannot be told", "timedatectl")
    else:
        switch_on = "sudo timedatectl set-ntp true"
        install = f"sudo apt-get install systemd-timesyncd && {switch_on}"
        command = switch_on if facts.machine.timesyncd_installed else install
        yield missing("clock", "the clock is not synchronised: hours, counts of visits and trust depend on it", command)


def check_timezone(config: Config, facts: Facts) -> Iterator[Finding]:
    """Judge whether the system itself knows the shop's time zone."""
    timezone = config.store.timezone.key
    if facts.machine.timezone_file:
        yield ok("timezone", "the time zone {timezone} is known", timezone=timezone)
    else:
        text = "only Python's own copy knows the time zone {timezone}, which the system's updates do not renew"
        yield advice("timezone", text, "sudo apt-get install tzdata", timezone=timezone)


def check_bluetooth_cache(config: Config, facts: Facts) -> Iterator[Finding]:
    """Judge whether what bluetoothd keeps of strangers stays in memory."""
    machine = facts.machine
    if not machine.adapter_folders and not any(receiver.driver == "ble" for receiver in config.receivers):
        return
    caches = [folder / "cache" for folder in machine.adapter_folders] or [BLUETOOTH_FOLDER]
    if all(machine.keeps_in_memory(cache) for cache in caches):
        yield ok("bluetooth-cache", "bluetoothd keeps what it hears of strangers in memory")
        return
    mount = "sudo systemctl daemon-reload && sudo systemctl restart bluetooth"
    command = mount if machine.bluetooth_mount_installed else INSTALL
    text = "bluetoothd writes names and addresses of strangers to the disk, below {folder}"
    yield missing("bluetooth-cache", text, command, folder=BLUETOOTH_FOLDER)


def check_swap(config: Config, facts: Facts) -> Iterator[Finding]:
    """Judge whether memory may be written to a disk."""
    on_disk = [swap.device for swap in facts.machine.swaps if swap.on_disk]
    if not on_disk:
        yield ok("swap", "nothing in memory is swapped to a disk")
        return
    text = "memory, and with it strangers' addresses, is swapped to a disk: {devices}"
    yield missing("swap", text, SWAP_OFF[facts.machine.swap_keeper], devices=", ".join(on_disk))


def check_cores(config: Config, facts: Facts) -> Iterator[Finding]:
    """Judge whether a crash would write memory to a disk."""
    pattern, service = facts.machine.core_pattern, facts.machine.service
    handler = pattern.removeprefix("|").split(" ")[0]
    if pattern.startswith("|") and PurePosixPath(handler).name != "systemd-coredump":
        setting = "/etc/sysctl.d/60-hushbell.conf"
        command = f"echo kernel.core_pattern=core | sudo tee {setting} && sudo sysctl -p {setting}"
        text = "at a crash of bluetoothd its memory would go to {handler}, whatever limits are set"
        yield advice("core-dumps", text, command, handler=handler)
    elif service and service.leaves_cores:
        yield advice("core-dumps", "a crash of the service would write its memory to a file", INSTALL)
    elif not service and facts.machine.core_limit:
        yield advice("core-dumps", "a crash would write memory to a file", "ulimit -c 0")
    else:
        yield ok("core-dumps", "a crash leaves no memory on a disk")


def check_state(config: Config, facts: Facts) -> Iterator[Finding]:
    """Judge whether the state can be written, and for how long."""
    machine, path = facts.machine, config.gateway.state
    text, command = _wrong_with(machine, path)
    locked = [name for name, place in machine.state.files if not place.admits(machine.bell, READ_WRITE)]
    if text:
        yield missing("state", text, command, folder=path, user=machine.bell.name)
    elif locked:
        command = f"sudo chown -R {quote(machine.bell.name)}: {quote(str(path))}"
        text = "{user} may not write these in {folder}: {names}"
        yield missing("state", text, command, folder=path, user=machine.bell.name, names=", ".join(locked))
    else:
        yield _judge_space(machine.state.free_bytes, path)


def _judge_space(free: int, path: Path) -> Finding:
    about = {"folder": path, "free": free // MEGABYTE}
    look = f"sudo du -xh --max-depth=2 {quote(str(path.parent))} | sort -h | tail"
    if free < TOO_LITTLE_BYTES:
        return missing("state", "{folder} has only {free} MB left", look, **about)
    if free < LITTLE_BYTES:
        return advice("state", "{folder} has only {free} MB left", look, **about)
    return ok("state", "{folder} can be written, {free} MB are free", **about)


def _wrong_with(machine: Machine, path: Path) -> tuple[str, str | None]:
    """Return what keeps the state from being written, and what mends it."""
    folder, user, name = machine.state, quote(machine.bell.name), quote(str(path))
    mount = machine.mount_of(PurePosixPath(path))
    if folder.is_there and not folder.is_folder:
        return "{folder} is a file, where the state needs a folder", f"sudo mv {name} {name}.old"
    if mount and mount.read_only:
        return (
            "{folder} lies on a disk that is mounted read-only",
            f"sudo mount -o remount,rw {quote(str(mount.target))}",
        )
    if folder.place and folder.place.admits(machine.bell, READ_WRITE_SEARCH):
        return "", None
    if folder.is_there:
        return "{user} may not write {folder}", f"sudo chown {user}: {name}"
    return "{folder} is not there, and {user} may not make it", f"sudo install -d -m 700 -o {user} {name}"


def check_card(config: Config, facts: Facts) -> Iterator[Finding]:
    """Judge how worn the card is that holds the state."""
    card = facts.machine.card
    if card is None:
        return
    about = {"device": card.device, "errors": card.errors, "percent": min(card.life, 10) * 10}
    if card.errors:
        yield advice("card", "the file system on {device} met {errors} errors: replace the card", **about)
    elif card.life >= LATE_LIFE:
        yield advice("card", "{device} has used up to {percent} % of its life: replace it soon", **about)
    elif card.life:
        yield ok("card", "{device} has used up to {percent} % of its life", **about)
    elif card.kind != "MMC":
        text = "the SD card {device} holds the state and tells no wear; cards for dash cams, or an SSD, last longer"
        yield advice("card", text, **about)


def check_power(config: Config, facts: Facts) -> Iterator[Finding]:
    """Judge the supply of a Raspberry Pi."""
    power = facts.power
    if power.low_now:
        yield missing(
            "power", "the supply gives too little voltage now: radios fail, use the Pi's own supply and cable"
        )
    elif power.was_low:
        yield advice("power", "the supply gave too little voltage since the start: use the Pi's own supply and cable")
    elif power.low_now is not None:
        yield ok("power", "the supply gives enough voltage")
