"""What is behind each subcommand of `hushbell` that is no package of its own."""
