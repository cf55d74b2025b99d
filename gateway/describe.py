"""`python -m gateway.describe`: writes what is made of the contract's models, and of rules' keys, into a checkout."""

from __future__ import annotations

from pathlib import Path

from gateway.contract.asyncapi import as_yaml, document
from gateway.contract.page import with_parts
from rules import schema

ROOT = Path(__file__).resolve().parents[1]
ASYNCAPI = ROOT / "config" / "asyncapi.yaml"
RULES = ROOT / "config" / "rules.schema.json"
PAGE = ROOT / "docs" / "contract.md"


def made() -> dict[Path, str]:
    """Return the files as they should be."""
    page = with_parts(PAGE.read_text(encoding="utf-8"))
    return {ASYNCAPI: as_yaml(document()), PAGE: page, RULES: schema.as_json()}


if __name__ == "__main__":
    for file, text in made().items():
        file.write_text(text, encoding="utf-8")
