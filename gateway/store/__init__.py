"""What is kept: one SQLite database for members, state, decisions and the outbox."""
