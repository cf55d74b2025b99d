"""The MQTT contract as models: every message is declared here once, and read, written, described and tested by it."""
