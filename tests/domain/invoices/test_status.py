"""Every move between two statuses, allowed or not."""

import pytest

from domain.invoices import status

# Rows: from; columns: to, in the order of status.ALL. `x` may go.
_TABLE = """
                 req dra ope act pro fai pai unc voi can exp rej
requested         .   x   x   x   x   x   x   x   x   x   x   x
draft             .   .   x   .   .   .   x   .   .   x   .   .
open              .   .   .   x   x   x   x   x   x   x   x   .
requires_action   .   .   .   .   x   x   x   x   x   .   x   .
processing        .   .   .   x   .   x   x   x   x   x   x   .
failed            .   .   .   x   x   .   x   x   x   .   x   .
paid              .   .   .   .   .   .   .   .   .   .   .   .
uncollectible     .   .   .   .   .   .   x   .   x   .   .   .
void              .   .   .   .   .   .   .   .   .   .   .   .
canceled          .   .   .   .   .   .   .   .   .   .   .   .
expired           .   .   .   .   .   .   .   .   .   .   .   .
rejected          .   .   .   .   .   .   .   .   .   .   .   .
"""

_ROWS = {row.split()[0]: row.split()[1:] for row in _TABLE.strip().splitlines()[1:]}


def test_the_table_has_every_status() -> None:
    assert tuple(_ROWS) == status.ALL
    assert all(len(row) == len(status.ALL) for row in _ROWS.values())


@pytest.mark.parametrize("current", status.ALL)
def test_status_transitions_follow_the_table(current: str) -> None:
    allowed = ["x" if status.may_become(current, then) else "." for then in status.ALL]
    assert allowed == _ROWS[current]


@pytest.mark.parametrize("final", ["paid", "void", "canceled", "expired", "rejected"])
def test_a_final_status_has_no_way_out(final: str) -> None:
    assert not any(status.may_become(final, then) for then in status.ALL)


def test_only_attempts_repeat() -> None:
    assert {status.FAILED, status.REQUIRES_ACTION, status.PROCESSING} == status.MAY_REPEAT
    assert not any(status.may_become(same, same) for same in status.ALL)
