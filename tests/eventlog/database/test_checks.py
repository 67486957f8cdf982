import psycopg

from eventlog.database.checks import (
    clock_skew_s,
    connection_problem,
    session_problem,
    version_problem,
)
from eventlog.log import Log
from tests.support.pooler import transaction_pooler


def test_a_database_that_answers_has_no_problem(empty_database: str) -> None:
    assert connection_problem(empty_database) is None
    assert version_problem(empty_database) is None
    assert session_problem(empty_database) is None
    assert abs(clock_skew_s(empty_database)) < 1


def test_a_transaction_pooler_is_found(empty_database: str) -> None:
    with transaction_pooler(empty_database) as pooled:
        assert connection_problem(pooled) is None
        assert "transaction pooler" in str(session_problem(pooled))


def test_the_reason_never_holds_the_password() -> None:
    problem = connection_problem("postgresql://billhook:s3cret@127.0.0.1:1/billhook")
    assert problem is not None
    assert "can't be reached" in problem
    assert "s3cret" not in problem


def test_a_broken_url_never_shows_its_password_either() -> None:
    problem = connection_problem("postgresql://billhook:s3cret@127.0.0.1:no-port/billhook")
    assert problem is not None
    assert "s3cret" not in problem


def test_a_follower_state_has_its_lag_and_the_error_that_stops_it(database: str, log: Log) -> None:
    with psycopg.connect(database) as connection:
        connection.execute(
            "INSERT INTO eventlog.followers VALUES ('apply', 0, now()), ('relay', 0, now())",
        )
        connection.execute(
            "INSERT INTO eventlog.follower_failures"
            " VALUES ('relay', 1, 'KeyError: x', 3, now(), now())",
        )
    states = [(state.name, state.lag_events, state.error) for state in log.follower_states()]
    assert states == [("apply", 0, None), ("relay", 0, "KeyError: x")]
