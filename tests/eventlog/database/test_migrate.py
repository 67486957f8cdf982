import threading
from collections.abc import Generator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path, PosixPath
from typing import Self

import psycopg
import pytest

import eventlog
from eventlog.database.migrate import Migrations, migrate, pending
from eventlog.errors import LogUnavailable, MigrationChanged, MigrationError, ObsoleteDatabase


def folder(path: Path, **files: str) -> Migrations:
    path.mkdir(exist_ok=True)
    for name, sql in files.items():
        (path / f"{name.removeprefix('m')}.sql").write_text(sql)
    return Migrations("example", path)


def test_every_migration_is_applied_once_and_in_order(empty_database: str, tmp_path: Path) -> None:
    example = folder(
        tmp_path,
        m0002_second="ALTER TABLE example ADD b int",
        m0001_first="CREATE TABLE example (a int); INSERT INTO example VALUES (1)",
    )
    assert pending(empty_database, example) == ["example/0001_first", "example/0002_second"]
    assert migrate(empty_database, example) == ["example/0001_first", "example/0002_second"]
    assert pending(empty_database, example) == []
    assert migrate(empty_database, example) == []
    with psycopg.connect(empty_database) as connection:
        assert connection.execute("SELECT a, b FROM example").fetchall() == [(1, None)]


def test_files_are_applied_in_order_however_the_folder_lists_them(
    empty_database: str, tmp_path: Path
) -> None:
    class Backwards(PosixPath):
        def iterdir(self) -> Generator[Self, None, None]:
            yield from sorted(super().iterdir(), reverse=True)

    folder(tmp_path, m0001_first="CREATE TABLE a ()", m0002_next="ALTER TABLE a RENAME TO b")
    example = Migrations("example", Backwards(tmp_path))
    assert migrate(empty_database, example) == ["example/0001_first", "example/0002_next"]


def test_a_lock_that_stays_taken_is_tried_again_a_few_times(
    empty_database: str, tmp_path: Path
) -> None:
    """A sequence keeps its value when a transaction is rolled back, so it counts the attempts."""
    locked = "DO $$ BEGIN IF nextval('tries') < %d THEN RAISE lock_not_available; END IF; END $$"
    migrate(empty_database, folder(tmp_path, m0001_first="CREATE SEQUENCE tries"))
    example = folder(tmp_path, m0002_next=locked % 4)
    assert migrate(empty_database, example) == ["example/0002_next"]
    example = folder(tmp_path, m0003_last=locked % 10_000)
    with pytest.raises(MigrationError, match="0003_last: could not acquire a lock"):
        migrate(empty_database, example)
    assert pending(empty_database, example) == ["example/0003_last"]


def test_of_processes_that_migrate_at_once_one_does_it(empty_database: str) -> None:
    barrier = threading.Barrier(6)

    def run(_: int) -> list[str]:
        barrier.wait()
        return migrate(empty_database, eventlog.MIGRATIONS)

    with ThreadPoolExecutor(6) as threads:
        applied = [names for names in threads.map(run, range(6)) if names]
    assert len(applied) == 1
    assert applied[0][0] == "eventlog/0001_baseline"
    assert pending(empty_database, eventlog.MIGRATIONS) == []


def test_a_failing_migration_leaves_nothing_and_those_before_it_stay(
    empty_database: str, tmp_path: Path
) -> None:
    example = folder(
        tmp_path,
        m0001_good="CREATE TABLE good ()",
        m0002_bad="CREATE TABLE half (); SELECT nonsense",
    )
    with pytest.raises(MigrationError, match="0002_bad"):
        migrate(empty_database, example)
    assert pending(empty_database, example) == ["example/0002_bad"]
    folder(tmp_path, m0002_bad="CREATE TABLE half ()")
    assert migrate(empty_database, example) == ["example/0002_bad"]


def test_a_migration_that_was_changed_after_it_was_applied_is_named(
    empty_database: str, tmp_path: Path
) -> None:
    migrate(empty_database, folder(tmp_path, m0001_first="SELECT 1", m0002_next="SELECT 1"))
    changed = folder(tmp_path, m0002_next="SELECT 2")
    for check in (migrate, pending):
        with pytest.raises(MigrationChanged, match="0002_next"):
            check(empty_database, changed)


def test_a_database_with_another_baseline_is_obsolete_and_left_as_it_is(
    empty_database: str, tmp_path: Path
) -> None:
    older = folder(tmp_path / "older", m0001_first="CREATE TABLE first ()", m0002_b="SELECT 2")
    migrate(empty_database, older)
    squashed = folder(tmp_path / "squashed", m0001_baseline="CREATE TABLE baseline ()")
    for check in (migrate, pending):
        with pytest.raises(ObsoleteDatabase, match="older development version"):
            check(empty_database, squashed)
    with psycopg.connect(empty_database) as connection:
        assert connection.execute("SELECT to_regclass('baseline')").fetchone() == (None,)


def test_a_running_older_version_accepts_newer_migrations(
    empty_database: str, tmp_path: Path
) -> None:
    newer = folder(tmp_path / "newer", m0001_a="SELECT 1", m0002_b="SELECT 2")
    migrate(empty_database, newer)
    older = folder(tmp_path / "older", m0001_a="SELECT 1")
    assert pending(empty_database, older) == []
    assert migrate(empty_database, older) == []


def test_a_number_cannot_be_left_out(empty_database: str, tmp_path: Path) -> None:
    with pytest.raises(MigrationError, match="count"):
        migrate(empty_database, folder(tmp_path, m0002_second="SELECT 1"))


def test_an_unreachable_database_is_reported() -> None:
    nowhere = "host=127.0.0.1 port=1 dbname=none"
    for function in (migrate, pending):
        with pytest.raises(LogUnavailable) as caught:
            function(nowhere, eventlog.MIGRATIONS)
        assert not caught.value.maybe_recorded
