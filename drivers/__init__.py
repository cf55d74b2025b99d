"""Radios and bytes: what is heard becomes a `Sighting`, and nothing else leaves this package."""
