"""Leads bytes through one entry by coverage: `python fuzz/run.py ENTRY [SECONDS]`, over what was found before.

The entries, and what must hold of each, are in `tests/virtual_garbage.py`; what breaks one is left in `fuzz/found/`.
"""

from __future__ import annotations

import sys
from pathlib import Path

try:
    import atheris
except ImportError:
    sys.exit("atheris is not installed: pip install '.[fuzz]'")

ROOT = Path(__file__).resolve().parents[1]
SECONDS = "300"

sys.path[:0] = [str(ROOT), str(ROOT / "tests")]
with atheris.instrument_imports(include=["drivers", "rules", "gateway"]):
    from virtual_garbage import ENTRIES


def main(name: str, seconds: str = SECONDS) -> None:
    """Fuzz for so long; ends the process, with a status other than 0 where something broke."""
    entry = ENTRIES[name]
    found, corpus = ROOT / "fuzz" / "found", ROOT / "fuzz" / "corpus" / name
    found.mkdir(exist_ok=True)
    corpus.mkdir(parents=True, exist_ok=True)
    for number, seed in enumerate(entry.seeds()):
        (corpus / f"seed-{number}").write_bytes(seed)
    options = [f"-max_total_time={seconds}", "-max_len=8192", "-timeout=10", "-rss_limit_mb=1024"]
    atheris.Setup([sys.argv[0], *options, f"-artifact_prefix={found}/{name}-", str(corpus)], entry.hold)
    atheris.Fuzz()


if __name__ == "__main__":
    if len(sys.argv) not in (2, 3) or sys.argv[1] not in ENTRIES:
        sys.exit(f"fuzz/run.py ENTRY [SECONDS], expected one of {', '.join(ENTRIES)}")
    main(*sys.argv[1:])
