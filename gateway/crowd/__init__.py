"""Everybody else: counted by quarter of an hour, and forgotten within a window of five minutes at most."""
