"""Texts as QR codes for a terminal (ISO/IEC 18004)."""

from __future__ import annotations

from io import StringIO

import segno


def drawn(text: str) -> str:
    """Return a QR code made of half blocks, dark on light whatever the terminal's colours."""
    out = StringIO()
    segno.make(text, micro=False, error="m").terminal(out, compact=True)
    return out.getvalue().rstrip("\n")
