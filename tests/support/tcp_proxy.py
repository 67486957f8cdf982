import contextlib
import socket
import threading
from collections.abc import Callable, Iterator

from psycopg.conninfo import conninfo_to_dict, make_conninfo

_CHUNK = 65_536


class TcpProxy:
    """Stands between a client and its PostgreSQL, and breaks what passes through on command."""

    def __init__(self, dsn: str) -> None:
        self._dsn = dsn
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._pairs: list[tuple[socket.socket, socket.socket]] = []
        self._loses_next_answer = threading.Event()
        self._answer_lost = threading.Event()
        self._thawed = threading.Event()
        self._thawed.set()
        self._silent: set[socket.socket] = set()
        self._refuses = threading.Event()
        self._threads: list[threading.Thread] = []
        self._start(self._accept)

    @property
    def dsn(self) -> str:
        """The same database, through here."""
        port = self._listener.getsockname()[1]
        return make_conninfo(self._dsn, host="127.0.0.1", port=port, sslmode="disable")

    def lose_next_answer(self) -> None:
        """Hang up on the client when the server's next answer comes; it is never delivered."""
        self._answer_lost.clear()
        self._loses_next_answer.set()

    def wait_until_answer_lost(self, *, timeout_s: float = 60) -> None:
        assert self._answer_lost.wait(timeout_s), "no answer came"

    def freeze(self) -> None:
        """Deliver nothing more in either direction, and say nothing of it."""
        self._thawed.clear()

    def thaw(self) -> None:
        self._thawed.set()

    def fall_silent(self) -> None:
        """Deliver nothing more over the connections that are open, and keep them open."""
        self._silent.update(end for pair in self._pairs for end in pair)

    def cut_clients(self) -> None:
        """Hang up on the clients; the server hears nothing of it."""
        for client, _ in self._pairs:
            _shut(client)

    def refuse(self, *, refuse: bool = True) -> None:
        """Hang up on the clients and on whoever connects."""
        if refuse:
            self._refuses.set()
            self.cut_clients()
        else:
            self._refuses.clear()

    def close(self) -> None:
        self._thawed.set()
        _shut(self._listener)  # wakes the thread that accepts
        self._threads[0].join()
        ends = [self._listener, *(end for pair in self._pairs for end in pair)]
        for end in ends:
            _shut(end)
        for thread in self._threads:
            thread.join()
        for end in ends:
            end.close()

    def _start(self, work: Callable[..., None], *ends: socket.socket) -> None:
        thread = threading.Thread(target=work, args=ends, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                if self._refuses.is_set():
                    client.close()
                    continue
                server = _connect(self._dsn)
                self._pairs.append((client, server))
                self._start(self._forward_requests, client, server)
                self._start(self._answer, server, client)

    def _forward_requests(self, client: socket.socket, server: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := client.recv(_CHUNK):
                self._thawed.wait()
                if server not in self._silent:
                    server.sendall(data)

    def _answer(self, server: socket.socket, client: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := server.recv(_CHUNK):
                self._thawed.wait()
                if server in self._silent:
                    continue
                if self._loses_next_answer.is_set():
                    self._loses_next_answer.clear()
                    _shut(client)
                    self._answer_lost.set()
                    return
                client.sendall(data)
        _shut(client)


def _connect(dsn: str) -> socket.socket:
    given = conninfo_to_dict(dsn)
    host, port = str(given.get("host") or "127.0.0.1"), str(given.get("port") or "5432")
    if host.startswith("/"):
        server = socket.socket(socket.AF_UNIX)
        server.connect(f"{host}/.s.PGSQL.{port}")
        return server
    return socket.create_connection((host, int(port)))


def _shut(end: socket.socket) -> None:
    with contextlib.suppress(OSError):
        end.shutdown(socket.SHUT_RDWR)


@contextlib.contextmanager
def proxied(dsn: str) -> Iterator[TcpProxy]:
    proxy = TcpProxy(dsn)
    try:
        yield proxy
    finally:
        proxy.close()
