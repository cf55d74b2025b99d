"""The wire under the MQTT client: whole packets in, one write out, and an end that is told once."""

from __future__ import annotations

import asyncio

import pytest

from gateway.mqtt.framing import PacketError
from gateway.mqtt.websocket import FrameError
from gateway.mqtt.wire import Wire

PING = b"\xd0\x00"


class Transport(asyncio.Transport):
    """Keeps what is written."""

    def __init__(self) -> None:
        super().__init__()
        self.written: list[bytes] = []
        self.done = ""

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.written.append(bytes(data))

    def is_closing(self) -> bool:
        return bool(self.done)

    def close(self) -> None:
        self.done = "closed"

    def abort(self) -> None:
        self.done = "aborted"


def a_wire() -> tuple[Wire, Transport]:
    wire, transport = Wire(), Transport()
    wire.connection_made(transport)
    return wire, transport


def test_only_whole_packets_are_given_out() -> None:
    wire, _ = a_wire()
    wire.data_received(PING + PING[:1])
    assert wire.take_packets(100) == [PING]
    assert wire.take_packets(100) == []
    wire.data_received(PING[1:])
    assert wire.take_packets(100) == [PING]


def test_the_library_reads_what_it_is_offered() -> None:
    wire, _ = a_wire()
    wire.data_received(PING)
    with pytest.raises(BlockingIOError):
        wire.recv(1)
    wire.offer(PING)
    assert (wire.recv(1), wire.recv(9)) == (PING[:1], PING[1:])
    with pytest.raises(BlockingIOError):
        wire.recv(1)


def test_a_packet_that_is_too_large_is_not_waited_for() -> None:
    wire, _ = a_wire()
    wire.data_received(b"\x30\xff\x01")
    with pytest.raises(PacketError):
        wire.take_packets(100)


def test_what_is_sent_together_is_written_together() -> None:
    wire, transport = a_wire()
    assert (wire.send(b"one"), wire.send(bytearray(b"two"))) == (3, 3)
    wire.flush()
    wire.flush()
    wire.send(b"last")
    wire.close()
    assert (transport.written, transport.done) == ([b"onetwo", b"last"], "closed")


def test_after_its_end_nothing_is_written() -> None:
    wire, transport = a_wire()
    wire.abort()
    wire.send(b"late")
    wire.flush()
    wire.close()
    assert (transport.written, transport.done) == ([], "aborted")


@pytest.mark.parametrize("late", [None, ConnectionResetError()])
def test_the_end_is_told_once(late: Exception | None) -> None:
    wire, transport = a_wire()
    ends: list[Exception | None] = []
    wire.on_end = ends.append
    wire.open_frames(b"")
    wire.data_received(b"\x81\x05Hello")
    wire.connection_lost(late)
    (error,) = ends
    assert isinstance(error, FrameError)
    assert transport.done == "aborted"


def test_a_close_of_the_websocket_closes_the_wire_after_what_came_before_it() -> None:
    wire, transport = a_wire()
    came: list[bytes] = []
    wire.open_frames(b"")
    wire.on_data = lambda: came.append(bytes(wire.buffer))
    wire.data_received(b"\x82\x02" + PING + b"\x88\x00")
    assert (came, transport.done, len(transport.written)) == ([PING], "closed", 1)
