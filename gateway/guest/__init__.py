"""The shop's guest network: the page at which phones are bound to members, and members' own keys."""
