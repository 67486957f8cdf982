import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from psycopg.conninfo import conninfo_to_dict, make_conninfo

_READY_FOR_QUERY = b"Z"
_ENDS_A_BATCH = (b"Q", b"S")
_TERMINATE = b"X"


class TransactionPooler:
    """Shares one session of the server among all clients, a transaction at a time.

    As a transaction pooler does it: no client notices, until it counts on a session of its own.
    """

    def __init__(self, dsn: str) -> None:
        given = conninfo_to_dict(dsn)
        self._server = socket.socket(socket.AF_UNIX)
        self._server.connect(f"{given['host']}/.s.PGSQL.{given.get('port') or 5432}")
        self._turn = threading.Lock()
        self._greeting: bytes | None = None
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.dsn = make_conninfo(
            dsn,
            host="127.0.0.1",
            port=self._listener.getsockname()[1],
            sslmode="disable",
            gssencmode="disable",
        )

    def accept(self) -> None:
        """Serve clients until the listener is closed."""
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=[client], daemon=True).start()

    def close(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._server.close()

    def _serve(self, client: socket.socket) -> None:
        with client:
            try:
                client.sendall(self._greet(_startup(client)))
                while (batch := _batch(client)) is not None:
                    with self._turn:
                        self._server.sendall(batch)
                        answer = _until_ready(self._server)
                    client.sendall(answer)
            except OSError:
                return

    def _greet(self, startup: bytes) -> bytes:
        """Log in for the first client; the others get the same answer without a session."""
        with self._turn:
            if self._greeting is None:
                self._server.sendall(startup)
                self._greeting = _until_ready(self._server)
            return self._greeting


@contextmanager
def transaction_pooler(dsn: str) -> Iterator[str]:
    """The DSN of a pooler that stands before the database."""
    pooler = TransactionPooler(dsn)
    thread = threading.Thread(target=pooler.accept)
    thread.start()
    try:
        yield pooler.dsn
    finally:
        pooler.close()
        thread.join()


def _startup(client: socket.socket) -> bytes:
    length = _exactly(client, 4)
    return length + _exactly(client, int.from_bytes(length, "big") - 4)


def _batch(client: socket.socket) -> bytes | None:
    """Read what ends with a query or a Sync; None when the client says goodbye."""
    batch = b""
    while True:
        kind, message = _message(client)
        if kind == _TERMINATE:
            return None
        batch += message
        if kind in _ENDS_A_BATCH:
            return batch


def _until_ready(server: socket.socket) -> bytes:
    answer = b""
    while True:
        kind, message = _message(server)
        answer += message
        if kind == _READY_FOR_QUERY:
            return answer


def _message(connection: socket.socket) -> tuple[bytes, bytes]:
    head = _exactly(connection, 5)
    body = _exactly(connection, int.from_bytes(head[1:], "big") - 4)
    return head[:1], head + body


def _exactly(connection: socket.socket, length: int) -> bytes:
    received = b""
    while len(received) < length:
        part = connection.recv(length - len(received))
        if not part:
            raise ConnectionError("closed")
        received += part
    return received
