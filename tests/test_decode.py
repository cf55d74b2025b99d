from __future__ import annotations

import gzip
import json
import os
import re
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from virtual_captures import (
    PROBE,
    SSID,
    STATION,
    Stamped,
    btsnoop,
    channel,
    event,
    ibeacon,
    legacy_report,
    pcap,
    radiotap,
    signal,
)

from gateway.commandline.decode import decode, receiver_of

TAPPED = radiotap([[channel(2437), signal(-77)]]) + PROBE
T = 1_763_791_200_200_001_000


def run(*paths: Path, receiver: str | None = None) -> tuple[int, list[dict[str, Any]], list[str]]:
    out, err = StringIO(), StringIO()
    status = decode(paths, receiver, out, err)
    return status, [json.loads(line) for line in out.getvalue().splitlines()], err.getvalue().splitlines()


def capture(folder: Path, name: str, data: bytes) -> Path:
    path = folder / name
    path.write_bytes(data)
    return path


def test_sightings_come_out_as_the_contract_says(tmp_path: Path) -> None:
    wifi = capture(tmp_path, "air.pcap", pcap([Stamped(T, TAPPED)], 127))
    ble = capture(tmp_path, "door.btsnoop.gz", gzip.compress(btsnoop([Stamped(T, event(legacy_report(ibeacon())))])))
    status, lines, errors = run(wifi, ble)
    assert (status, errors) == (0, [])
    device = lines[0].pop("device")
    assert lines[1].pop("device") == device  # the same transmitter, within one run
    assert re.fullmatch("p[0-9a-f]{16}", device)
    assert lines[0] == {
        "t": 1763791200.200001, "receiver": "air", "radio": "wifi", "kind": "probe-request", "rssi": -77,
        "frequency": 2437, "channel": 6, "sequence": 1204, "address_type": "local",
    }  # fmt: skip
    assert lines[1] == {
        "t": 1763791200.200001, "receiver": "door", "radio": "ble", "kind": "ibeacon", "rssi": -61,
        "uuid": "6e9d1c5a-2b3f-4e70-9a11-0c5d7e3f2b18", "major": 14, "minor": 2071, "power": -59,
        "address_type": "random",
    }  # fmt: skip


def test_the_receiver_may_be_named(tmp_path: Path) -> None:
    path = capture(tmp_path, "air.pcap", pcap([Stamped(T, TAPPED)], 127))
    assert run(path, receiver="door")[1][0]["receiver"] == "door"


@pytest.mark.parametrize(
    ("name", "receiver"),
    [
        ("hcidumpBig.btsnoop", "hcidumpBig"),
        ("2022-10-18.pcap.gz", "2022-10-18"),
        ("wep.open.system.cap", "wep.open.system"),
        ("前门.pcapng", "前门"),
        ("a\nb\udcff.pcap", "a_b_"),
        ("stdin", "stdin"),
    ],
)
def test_a_file_gives_its_receiver_a_name(name: str, receiver: str) -> None:
    assert receiver_of(Path("/somewhere") / name) == receiver


def test_two_runs_share_no_pseudonym(tmp_path: Path) -> None:
    path = capture(tmp_path, "air.pcap", pcap([Stamped(T, TAPPED)], 127))
    assert run(path)[1][0]["device"] != run(path)[1][0]["device"]


def test_no_address_and_no_network_name_comes_out(tmp_path: Path) -> None:
    path = capture(tmp_path, "air.pcap", pcap([Stamped(T, TAPPED)] * 3, 127) + b"cut")
    out, err = StringIO(), StringIO()
    decode([path], None, out, err)
    text = out.getvalue() + err.getvalue()
    for secret in (STATION.hex(), STATION.hex(":"), SSID.decode(), SSID.hex()):
        assert secret not in text.lower()


def test_a_cut_capture_is_one_warning_and_no_fault(tmp_path: Path) -> None:
    path = capture(tmp_path, "air.pcap", pcap([Stamped(T, TAPPED)] * 2, 127)[:-1])
    status, lines, errors = run(path)
    assert (status, len(lines)) == (0, 1)
    assert errors == [f"{path}: cut short or damaged, packets read before: 1"]


@pytest.mark.parametrize(
    "data",
    [b"", b"garbage" * 99, gzip.compress(b"garbage" * 99), b'{"t": 1}\n'],
    ids=["empty", "text", "packed", "sightings"],
)
def test_what_is_no_capture_is_one_line_and_status_2(tmp_path: Path, data: bytes) -> None:
    status, lines, errors = run(capture(tmp_path, "air.pcap", data))
    assert (status, lines, len(errors)) == (2, [], 1)
    assert errors[0].startswith(str(tmp_path / "air.pcap"))


def test_one_bad_file_spoils_the_status_and_not_the_others(tmp_path: Path) -> None:
    good = capture(tmp_path, "air.pcap", pcap([Stamped(T, TAPPED)], 127))
    status, lines, errors = run(good, tmp_path / "none", good)
    assert (status, len(lines), len(errors)) == (2, 2, 1)


def test_lines_reach_a_pipe_one_by_one(tmp_path: Path) -> None:
    class Pipe(StringIO):
        flushed = 0

        def flush(self) -> None:
            assert self.getvalue().endswith("\n")
            self.flushed += 1

    path = capture(tmp_path, "air.pcap", pcap([Stamped(T, TAPPED)] * 5, 127))
    pipe = Pipe()
    decode([path], None, pipe, StringIO())
    assert pipe.flushed == 5


@pytest.mark.corpus
@pytest.mark.skipif("HUSHBELL_CORPUS" not in os.environ, reason="HUSHBELL_CORPUS is not set")
def test_a_recorded_scanner_s_log() -> None:
    path = Path(os.environ["HUSHBELL_CORPUS"]) / "ble-hci" / "hcidumpBig.btsnoop"
    status, lines, errors = run(path)
    assert (status, len(lines), errors) == (0, 494, [])
    assert sum(line["kind"] == "ibeacon" for line in lines) == 429
    assert not {line["device"] for line in lines} & {line["device"] for line in run(path)[1]}
