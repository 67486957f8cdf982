from typing import Final
from uuid import UUID

from domain.core import ids
from eventlog.log import Log
from service.http.errors import NotFound

_MOST: Final = 100_000


class KnownTenants:
    """Cache of existing tenants: they are never deleted; missing ones are looked up again."""

    def __init__(self, log: Log) -> None:
        self._log = log
        self._known: set[tuple[UUID, UUID]] = set()

    async def require(self, app_id: UUID, tenant_id: UUID) -> None:
        """Raise NotFound if the app has no such tenant."""
        pair = app_id, tenant_id
        if pair in self._known:
            return
        if not await self._log.exists_async(ids.for_tenant(app_id, tenant_id)):
            raise NotFound
        if len(self._known) >= _MOST:
            self._known.clear()
        self._known.add(pair)
