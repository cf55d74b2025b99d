"""The rotating iBeacon as the page for app developers tells of it."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path
from uuid import UUID

import pytest
from virtual_carriers import proximity_uuid

from gateway.identity.rotating import SLOT_S, rotating_id, slot_of

PAGE = (Path(__file__).resolve().parents[1] / "docs" / "rotating-beacon.md").read_text(encoding="utf-8")
NAMESPACE = "6e9d1c5a2b3f4e70"
ROW = re.compile(r"^\| `([0-9a-f]{64})` \| (\d+) \| (\d+) \| `([0-9a-f-]{36})` \|$", re.MULTILINE)
VECTORS = [(key, int(t), int(slot), uuid) for key, t, slot, uuid in ROW.findall(PAGE)]


def test_the_page_has_vectors_in_its_namespace() -> None:
    assert len(VECTORS) == 7
    assert f"With the namespace `{NAMESPACE}`" in PAGE


@pytest.mark.parametrize(("key", "t", "slot", "uuid"), VECTORS)
def test_a_vector_made_with_openssl_is_what_we_compute(key: str, t: int, slot: int, uuid: str) -> None:
    assert slot_of(t) == slot
    assert slot_of(t + 0.999) == slot_of(t)
    assert str(UUID(bytes=proximity_uuid(bytes.fromhex(NAMESPACE), bytes.fromhex(key), t))) == uuid


def test_an_id_lasts_for_a_slot() -> None:
    namespace, key = bytes(8), bytes(range(32))
    assert SLOT_S == 1024
    assert proximity_uuid(namespace, key, 1023.999) == proximity_uuid(namespace, key, 0)
    assert proximity_uuid(namespace, key, 1024)[8:] == rotating_id(key, 1)


@pytest.mark.skipif(shutil.which("node") is None, reason="node, which runs the page's JavaScript, is not installed")
def test_the_mini_programs_code_computes_the_same() -> None:
    script = next(
        block for block in re.findall(r"```js\n(.*?)```", PAGE, re.DOTALL) if "function proximityUuid" in block
    )
    asked = [[NAMESPACE, key, t] for key, t, _, _ in VECTORS]
    script += f"\nconsole.log(JSON.stringify({json.dumps(asked)}.map((one) => proximityUuid(...one))));"
    done = subprocess.run(["node", "-e", script], capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == [uuid for *_, uuid in VECTORS]
