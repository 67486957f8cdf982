"""What readers may ask about tenants."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from psycopg.sql import SQL

from projections.pool import ReadPool


@dataclass(frozen=True)
class TenantRow:
    """A tenant; `person` hashes the body with name and e-mail.

    `customers` maps a connection's name to the provider's customer id.
    """

    app_id: UUID
    tenant_id: UUID
    person: str | None
    customers: dict[str, str]
    created_at: datetime
    updated_at: datetime
    position: int


_GET: Final = SQL(
    "SELECT app_id, tenant_id, person, customers, created_at, updated_at, position"
    " FROM read.tenants WHERE app_id = %s AND tenant_id = %s"
)


class TenantQueries:
    """Questions to the read model. Each may raise ReadModelUnavailable."""

    def __init__(self, pool: ReadPool) -> None:
        self._pool = pool

    async def tenant(self, app_id: UUID, tenant_id: UUID) -> TenantRow | None:
        """Find an app's tenant."""
        found = await self._pool.fetch(_GET, [app_id, tenant_id])
        return TenantRow(**found[0]) if found else None
