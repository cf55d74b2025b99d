"""Who is a member: enrolled, changed, paused, exported, gone."""
