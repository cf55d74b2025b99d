"""`hushbell calibrate`: settings that an installer's own counting or walking leads to, proposed as a diff."""
