"""A wire between a gateway and its broker that can be cut in the middle of a packet."""

from __future__ import annotations

import selectors
import socket
import threading
from contextlib import suppress


class CutWire:
    """Passes bytes on, on a thread of its own; `cut_after` says after how many from the client both ends are closed."""

    def __init__(self, port: int) -> None:
        self.cut_after: int | None = None
        self.cuts = 0
        self._broker_port = port
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    @property
    def url(self) -> str:
        return f"mqtt://127.0.0.1:{self._listener.getsockname()[1]}"

    def close(self) -> None:
        self._ended.set()
        self._thread.join()
        self._listener.close()

    def _serve(self) -> None:
        self._listener.settimeout(0.05)
        while not self._ended.is_set():
            with suppress(TimeoutError):
                client, _ = self._listener.accept()
                with client, suppress(OSError):
                    self._connect(client)

    def _connect(self, client: socket.socket) -> None:
        with socket.create_connection(("127.0.0.1", self._broker_port)) as broker, selectors.DefaultSelector() as ready:
            ends = {client: broker, broker: client}
            for one in ends:
                one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                ready.register(one, selectors.EVENT_READ)
            passed = 0
            while not self._ended.is_set():
                for end in [key.fileobj for key, _ in ready.select(0.05)]:
                    assert isinstance(end, socket.socket)
                    data = end.recv(65536)
                    if end is client and self.cut_after is not None and passed + len(data) > self.cut_after:
                        broker.sendall(data[: self.cut_after - passed])
                        self.cut_after = None
                        self.cuts += 1
                        return
                    passed += len(data) if end is client else 0
                    if not data:
                        return
                    ends[end].sendall(data)
