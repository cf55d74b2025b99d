"""The journal: what decisions were made from, written down, and played again."""
