"""Where an invoice can be read, asked of its provider when somebody wants to: its links expire."""

import asyncio
import time
from collections.abc import Callable
from typing import Final
from uuid import UUID

from domain.invoice_view import InvoiceView
from service.asks import Asks
from service.errors import Missing
from service.links import has_document

_FRESH_S: Final = 30.0
_MOST_KNOWN: Final = 1024


class Documents:
    """Asks once for all who want the same document at the same time or shortly after.

    A link is public to whoever has it: without this, reloading it would spend the app's calls.
    """

    def __init__(self, asks: Asks, *, clock_s: Callable[[], float] = time.monotonic) -> None:
        self._asks = asks
        self._clock_s = clock_s
        self._asked: dict[UUID, tuple[float, asyncio.Task[str | None]]] = {}

    async def url(self, view: InvoiceView) -> str:
        """Give the provider's link. Raises Missing, and what `Asks.ask` raises."""
        if not has_document(view):
            raise Missing
        # Shielded: one who goes away takes nothing from the others.
        url = await asyncio.shield(self._ask_once(view))
        if url is None:
            raise Missing
        return url

    def _ask_once(self, view: InvoiceView) -> asyncio.Task[str | None]:
        known = self._asked.get(view.id)
        if known is not None and self._clock_s() - known[0] <= _FRESH_S and not _failed(known[1]):
            return known[1]
        if len(self._asked) >= _MOST_KNOWN:
            self._asked.clear()
        asking = asyncio.create_task(self._ask(view), name="document")
        asking.add_done_callback(_failed)  # somebody looked, also where nobody waits any more
        self._asked[view.id] = (self._clock_s(), asking)
        return asking

    async def _ask(self, view: InvoiceView) -> str | None:
        assert view.provider_object_id is not None, "a document is the provider's object"  # noqa: S101 - STYLE: assert what must hold
        args = {"connection": view.connection, "object_id": view.provider_object_id}
        answer = await self._asks.ask(view.app_id, "document", args)
        url: str | None = answer["url"]
        return url


def _failed(asking: asyncio.Task[str | None]) -> bool:
    return asking.done() and (asking.cancelled() or asking.exception() is not None)
