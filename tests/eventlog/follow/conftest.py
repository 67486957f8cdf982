import psycopg
import pytest


@pytest.fixture
def _table(database: str) -> None:
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute("CREATE TABLE seen (position bigint PRIMARY KEY)")
