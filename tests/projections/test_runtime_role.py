"""The rights of the database role that the processes run with."""

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass
from uuid import uuid4

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from psycopg.errors import InsufficientPrivilege, InvalidName
from psycopg.sql import SQL, Identifier

import eventlog
import projections
from eventlog.database.migrate import migrate
from eventlog.errors import MigrationError
from eventlog.partitions.layout import add_partition_ahead
from projections.generations.rebuild import rebuild
from projections.runtime_role import grant_runtime_role
from tests.projections.harness import paid_invoices, projecting, requested
from tests.support.wait_until import until

FORBIDDEN = [
    "INSERT INTO eventlog.events SELECT * FROM eventlog.events LIMIT 0",
    "UPDATE eventlog.events SET topic = topic",
    "DELETE FROM eventlog.events",
    "TRUNCATE eventlog.events",
    "ALTER TABLE eventlog.events DISABLE TRIGGER ALL",
    "DELETE FROM eventlog.events_from_1",
    "UPDATE eventlog.partitioning SET size = 1",
    "DELETE FROM eventlog.detached_partitions",
    "SELECT eventlog.add_partition(1)",
    "INSERT INTO eventlog.bodies SELECT * FROM eventlog.bodies LIMIT 0",
    "UPDATE eventlog.bodies SET bytes = bytes",
    "DELETE FROM eventlog.migrations",
    "INSERT INTO read.runtime_roles VALUES ('other')",
    "SELECT read.grant_generation('invoices', 1)",
    "SELECT read.point_views('invoices', 1)",
    "CREATE TABLE eventlog.mine ()",
    "CREATE TABLE read.mine ()",
    "CREATE SCHEMA mine",
    "DROP TABLE work.jobs",
    "CREATE OR REPLACE VIEW read.positions AS SELECT 1",
]


@dataclass(frozen=True)
class Roles:
    """A migrated database, as its owner and as the runtime role."""

    owner: str
    runtime: str
    runtime_role: str


@pytest.fixture
def roles(empty_database: str) -> Iterator[Roles]:
    """Create two roles without any attribute, and let one own the database."""
    dbname = str(conninfo_to_dict(empty_database)["dbname"])
    owner, runtime = f"{dbname}_owner", f"{dbname}_runtime"
    with psycopg.connect(empty_database, autocommit=True) as admin:
        for role in (owner, runtime):
            admin.execute(SQL("CREATE ROLE {} LOGIN").format(Identifier(role)))
        change = SQL("ALTER DATABASE {} OWNER TO {}")
        admin.execute(change.format(Identifier(dbname), Identifier(owner)))
    found = Roles(
        owner=make_conninfo(empty_database, user=owner),
        runtime=make_conninfo(empty_database, user=runtime),
        runtime_role=runtime,
    )
    migrate(found.owner, eventlog.MIGRATIONS, projections.MIGRATIONS)
    grant_runtime_role(found.owner, runtime)
    yield found
    with psycopg.connect(empty_database, autocommit=True) as admin:
        for role in (owner, runtime):
            admin.execute(SQL("REASSIGN OWNED BY {} TO CURRENT_USER").format(Identifier(role)))
            admin.execute(SQL("DROP OWNED BY {}").format(Identifier(role)))
            admin.execute(SQL("DROP ROLE {}").format(Identifier(role)))


def test_the_runtime_role_appends_follows_and_rebuilds(roles: Roles) -> None:
    grant_runtime_role(roles.owner, roles.runtime_role)  # safe to repeat

    async def scenario() -> None:
        async with projecting(roles.runtime) as reading:
            await reading.append_and_project(*paid_invoices(20))
            done = await asyncio.to_thread(
                lambda: rebuild(roles.runtime, "invoices", keep_old_for_s=0)
            )
            assert (done.generation, done.differing) == (2, 0)
            await reading.append_and_project(requested())
            await until(lambda: dropped(roles.owner))

    asyncio.run(scenario())
    assert add_partition_ahead(roles.runtime) == 0


def dropped(dsn: str) -> bool:
    with psycopg.connect(dsn) as connection:
        found = connection.execute("SELECT to_regnamespace('read_invoices_g1')").fetchone()
    return found == (None,)


def test_the_runtime_role_changes_no_event_and_no_definition(roles: Roles) -> None:
    with psycopg.connect(roles.runtime, autocommit=True) as connection:
        for statement in FORBIDDEN:
            with pytest.raises(InsufficientPrivilege):
                connection.execute(statement.encode())


def test_a_name_of_a_projection_is_no_way_to_the_owners_rights(roles: Roles) -> None:
    calls = [
        "read.new_generation(%s)",
        "read.index_generation(%s, 1)",
        "read.index_table(%s, 1, 'invoices')",
        "read.switch_generation(%s, 1, '0')",
        "read.drop_generation(%s, 1)",
    ]
    with psycopg.connect(roles.runtime, autocommit=True) as connection:
        for call in calls:
            with pytest.raises(InvalidName):
                connection.execute(f"SELECT {call}".encode(), ["a; DROP TABLE eventlog.events --"])


def test_a_role_that_was_not_granted_anything_can_not_append(
    roles: Roles,
) -> None:
    with psycopg.connect(roles.owner, autocommit=True) as connection:
        connection.execute(
            SQL("REVOKE EXECUTE ON FUNCTION eventlog.append FROM {}").format(
                Identifier(roles.runtime_role)
            )
        )
    with (
        psycopg.connect(roles.runtime, autocommit=True) as connection,
        pytest.raises(InsufficientPrivilege),
    ):
        connection.execute(
            "SELECT eventlog.append('{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}')"
        )


def test_an_unknown_role_is_named(roles: Roles) -> None:
    role = f"nobody-{uuid4()}"
    with pytest.raises(MigrationError, match=f"no database role '{role}'"):
        grant_runtime_role(roles.owner, role)
