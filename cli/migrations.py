"""Apply or list the pending migrations of every component."""

import eventlog
import projections
from eventlog.database.migrate import migrate, pending


def apply_migrations(database_url: str) -> list[str]:
    """Apply pending migrations; returns their names."""
    return migrate(database_url, eventlog.MIGRATIONS, projections.MIGRATIONS)


def pending_migrations(database_url: str) -> list[str]:
    """Return the names of the migrations that the database lacks."""
    return pending(database_url, eventlog.MIGRATIONS, projections.MIGRATIONS)
