"""Delete stored bodies after their retention period."""

from datetime import timedelta
from typing import Final, LiteralString

from eventlog.database.connect import connect

_BATCH: Final = 1000

# What the provider said has an age; who a tenant is counts while the tenant's row names it.
_EXPIRE: Final[LiteralString] = """
    DELETE FROM eventlog.bodies AS bodies USING (
        SELECT sha256, tenant FROM eventlog.bodies AS old
        WHERE created_at < clock_timestamp() - %s
          AND NOT EXISTS (
              SELECT FROM read.tenants WHERE tenants.contact_body = encode(old.sha256, 'hex')
          )
        LIMIT %s
    ) AS expired
    WHERE bodies.sha256 = expired.sha256 AND bodies.tenant IS NOT DISTINCT FROM expired.tenant
"""


def expire_bodies(dsn: str, *, life: timedelta) -> int:
    """Delete provider bodies older than `life`, in small transactions; give their number."""
    expired = 0
    with connect(dsn, application_name="billhook retention") as connection:
        while True:
            done = connection.execute(_EXPIRE, [life, _BATCH]).rowcount
            expired += done
            if done < _BATCH:
                return expired
