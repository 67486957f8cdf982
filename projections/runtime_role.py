"""Grant a database role what Billhook's processes need without owning the tables."""

from typing import Final

import psycopg
from psycopg.sql import SQL, Identifier

from eventlog.database.connect import connect
from eventlog.errors import LogUnavailable, MigrationError

# The log is written by eventlog.append alone; bodies can be erased.
_GRANTS: Final = (
    "GRANT USAGE ON SCHEMA eventlog, read, work, inbox TO {role}",
    "GRANT SELECT ON ALL TABLES IN SCHEMA eventlog, read TO {role}",
    "GRANT EXECUTE ON FUNCTION eventlog.append TO {role}",
    "GRANT EXECUTE ON FUNCTION eventlog.add_partition_ahead TO {role}",
    "GRANT DELETE ON eventlog.bodies TO {role}",
    "GRANT INSERT, UPDATE, DELETE ON eventlog.followers, eventlog.follower_failures TO {role}",
    "GRANT INSERT, UPDATE ON read.generations TO {role}",
    "GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA work, inbox TO {role}",
    "GRANT USAGE ON ALL SEQUENCES IN SCHEMA work, inbox TO {role}",
    "GRANT EXECUTE ON FUNCTION read.new_generation, read.index_generation TO {role}",
    "GRANT EXECUTE ON FUNCTION read.index_table TO {role}",
    "GRANT EXECUTE ON FUNCTION read.switch_generation, read.drop_generation TO {role}",
)
_INSERT_ROLE: Final = "INSERT INTO read.runtime_roles VALUES (%s) ON CONFLICT DO NOTHING"
_GENERATIONS: Final = (
    "SELECT read.grant_generation(projection, number) FROM read.generations"
    " WHERE state <> 'dropped'"
)


def grant_runtime_role(dsn: str, role: str) -> None:
    """Grant an existing role what the API, workers and projections need; safe to repeat.

    It can append to the log and read it, but neither change nor delete an event, nor change the
    definition of a table. Raises MigrationError, LogUnavailable.
    """
    try:
        with connect(dsn, application_name="billhook migrate") as connection:
            known = connection.execute("SELECT FROM pg_roles WHERE rolname = %s", [role])
            if known.fetchone() is None:
                raise MigrationError(f"there is no database role {role!r}")
            with connection.transaction():
                for grant in _GRANTS:
                    connection.execute(SQL(grant).format(role=Identifier(role)))
                connection.execute(_INSERT_ROLE, [role])
                connection.execute(_GENERATIONS)
    except psycopg.OperationalError as error:
        raise LogUnavailable("no connection") from error
    except psycopg.Error as error:
        raise MigrationError(f"grants to {role!r}: {error}") from error
