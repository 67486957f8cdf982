"""Every kind of request in every kind of trouble, held to the table in `outcomes.txt`.

A line is a row: how the invoice ends, what moved by the sandbox's own ledger, what each dialect
that has this kind of request answers, and the events that follow the asking.
`python -m tests.workers.outcome_table.run_row` prints it as it comes out.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import pytest

from tests.support.postgres import Server
from tests.support.sandbox import SandboxProcess
from tests.workers.crash_grids.environment import Stand, open_stand
from tests.workers.outcome_table.rows import ROWS, Row
from tests.workers.outcome_table.run_row import TABLE, play

EXPECTED: Final = {
    line.partition(" | ")[0].strip(): line for line in TABLE.read_text().splitlines() if line
}


@pytest.fixture(scope="module")
def stand(postgres_server: Server, sandbox: SandboxProcess) -> Iterator[Stand]:
    dbname = postgres_server.migrated_database()
    with open_stand(postgres_server.dsn(dbname), sandbox.url) as made:
        yield made
    postgres_server.drop(dbname)


def test_the_table_has_a_line_for_each_row_and_no_other() -> None:
    assert list(EXPECTED) == [row.name for row in ROWS]


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_the_outcome_of_a_request_matches_the_table(stand: Stand, row: Row) -> None:
    assert play(stand, row) == EXPECTED[row.name]
