"""The service in this process, on a loop in a thread of its own, with projections beside it."""

import asyncio
import threading
from collections import Counter
from collections.abc import Coroutine, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack, contextmanager
from typing import Any, Self, TypeVar
from uuid import UUID

import httpx
import uvloop
from starlette.applications import Starlette

from eventlog.security.vault import Vault
from projections.generations.runner import Projections
from projections.registry import PROJECTIONS
from service.app import create_app
from service.context import Context
from service.settings import Settings
from tests.service.fake_worker import Worker
from tests.service.served import Served

T = TypeVar("T")
MASTER_KEY = Vault.new_key()


class Service:
    """A running service; every method is for the test's own thread."""

    def __init__(
        self,
        database: str,
        *,
        projections: bool = True,
        wait_for_tail: bool = True,
        **settings: Any,
    ) -> None:
        known: dict[str, Any] = {"database_url": database, "master_keys": MASTER_KEY}
        # A request whose outcome is sure waits for it, however slow the machine is.
        known |= {"wait_default_s": 60, "access_start_wait_s": 0, "metrics_max_age_s": 0}
        known |= {"access_max_age_s": 60}  # the loop may stand still for longer than 5 s
        known |= {"failed_lookups_per_minute": 1_000_000}  # all tests are one peer
        self._settings = Settings(**known | settings)
        self._database = database
        self._with_projections = projections
        self._wait_for_tail = wait_for_tail
        self._loop = uvloop.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="service under test")
        self._stop = asyncio.Event()
        self._stack = AsyncExitStack()
        self._newest: Counter[str] = Counter()  # the last event's position, by projection
        self.app: Starlette
        self._client: httpx.AsyncClient

    def __enter__(self) -> Self:
        self._thread.start()
        self.call(self._open())
        return self

    def __exit__(self, *_: object) -> None:
        self.call(self._close())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    @property
    def database(self) -> str:
        return self._database

    @property
    def context(self) -> Context:
        return self.app.state.context

    def call(self, work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(timeout=120)

    def request(self, method: str, path: str, **options: Any) -> httpx.Response:
        return self.call(self._client.request(method, path, **options))

    def forget_cookies(self) -> None:
        """Remove cookies of earlier responses before the next request."""
        self._client.cookies.clear()

    def requests(
        self, requests_: Sequence[tuple[str, str, dict[str, Any]]]
    ) -> list[httpx.Response]:
        """Send all concurrently."""

        async def send_all() -> list[httpx.Response]:
            sent = (self._client.request(method, path, **more) for method, path, more in requests_)
            return await asyncio.gather(*sent)

        return self.call(send_all())

    @contextmanager
    def served(self) -> Iterator[Served]:
        """Send the block's requests over a socket, to the protocol that serves it."""
        over_socket = Served(self.app, self._state)
        self.call(over_socket.listen())
        in_process = self._client
        base_url = "http://{}:{}".format(*over_socket.address)
        self._client = httpx.AsyncClient(base_url=base_url, timeout=60, trust_env=False)
        try:
            yield over_socket
        finally:
            self.call(self._client.aclose())
            self.call(over_socket.close())
            self._client = in_process

    def head(self) -> int:
        return self.call(self.context.recording.log.head_async())

    def wait_for_projection(self, projection: str) -> None:
        """Wait until a projection has all events of its topics.

        It reads past events of other topics once a second only.
        """
        newest, log = self._newest[projection], self.context.recording.log
        topics = PROJECTIONS[projection].topics
        while page := self.call(log.read_async(newest, 500, topics)):
            newest = self._newest[projection] = page[-1].position
        assert self.call(self.context.recording.read_model.wait_for(projection, newest, 60))
        if projection == "access":
            self.call(self.context.auth.access.look())

    def events(self, stream: UUID) -> list[Any]:
        recorded = self.call(self.context.recording.log.stream_async(stream))
        return [self.context.recording.streams.decoded(entry) for entry in recorded]

    async def _open(self) -> None:
        self.app = create_app(self._settings)
        lifespan = self.app.router.lifespan_context(self.app)
        state = await self._stack.enter_async_context(lifespan)  # type: ignore[arg-type,unused-ignore]
        self._state: Mapping[str, Any] = state or {}
        if self._wait_for_tail:
            await self.context.recording.tail.ready()
        self._worker = Worker(self.context)
        transport = httpx.ASGITransport(self.app)
        client = httpx.AsyncClient(transport=transport, base_url="http://billhook.test")
        self._client = await self._stack.enter_async_context(client)
        if self._with_projections:
            running = asyncio.ensure_future(Projections(self._database).run(self._stop))
            self._stack.push_async_callback(lambda: running)
            self._stack.callback(self._stop.set)
            await self.context.auth.access.look()

    async def _close(self) -> None:
        await self._worker.finish()
        await self._stack.aclose()
