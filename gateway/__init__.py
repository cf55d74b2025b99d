"""The daemon: recognises, follows, decides, stores, publishes; composes `drivers` and `rules`."""
