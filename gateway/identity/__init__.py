"""Who may be recognised: credentials, consent, and the register that a sighting is looked up in."""
