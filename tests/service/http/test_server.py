"""The server of the API wakes for its end, and keeps the date of its responses."""

import asyncio
import signal
import socket
import threading
from collections.abc import Iterator
from contextlib import closing
from email.utils import parsedate_to_datetime

import pytest
import uvicorn
from starlette.responses import PlainTextResponse

from service.http.server import QuietServer
from tests.support import plain_http
from tests.support.wait_until import DEADLINE_S, until


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    with closing(socket.create_server(("127.0.0.1", 0))) as bound:
        yield bound


def created() -> QuietServer:
    return QuietServer(
        uvicorn.Config(PlainTextResponse("hello"), ws="none", lifespan="off", log_config=None)
    )


def test_a_signal_ends_it_and_its_dates_are_those_of_now(listener: socket.socket) -> None:
    server = created()
    # uvicorn raises a signal again at its end, in a main thread alone.
    serving = threading.Thread(target=lambda: server.run(sockets=[listener]))
    serving.start()
    url = f"http://127.0.0.1:{listener.getsockname()[1]}/"

    def date() -> float:
        return parsedate_to_datetime(plain_http.get(url).headers["date"]).timestamp()

    first = date()
    asyncio.run(until(lambda: date() > first))
    server.handle_exit(signal.SIGTERM, None)
    serving.join(DEADLINE_S)
    assert not serving.is_alive()


def test_a_signal_that_comes_while_it_starts_ends_it(listener: socket.socket) -> None:
    server = created()
    server.handle_exit(signal.SIGTERM, None)
    serving = threading.Thread(target=lambda: server.run(sockets=[listener]))
    serving.start()
    serving.join(DEADLINE_S)
    assert not serving.is_alive()
