"""The demo's broker: MQTT 5 in memory, on loopback. The only file that knows iotcore."""

from __future__ import annotations

import socket
from pathlib import Path

from iotcore import Broker

SETTINGS = """\
id = 0
[router]
id = 0
max_connections = 100
max_outgoing_packet_count = 200
max_segment_size = 10485760
max_segment_count = 10
[v5.1]
name = "demo"
listen = "127.0.0.1:{port}"
next_connection_delay_ms = 1
[v5.1.connections]
connection_timeout_ms = 5000
max_payload_size = 262144
max_inflight_count = 100
dynamic_filters = true
"""


def free_port(wanted: int = 0) -> int:
    """Return a port of the loopback interface that nobody uses now: the one that is wanted, or another."""
    try:
        with socket.create_server(("127.0.0.1", wanted)) as taken:
            return int(taken.getsockname()[1])
    except OSError:
        if not wanted:
            raise
        return free_port()


def make_broker(folder: Path, port: int) -> Broker:
    """Make a broker that listens on a loopback port between `start` and `stop`; its settings go into `folder`."""
    file = folder / "broker.toml"
    file.write_text(SETTINGS.format(port=port), encoding="utf-8")
    return Broker(config_path=str(file))
