from datetime import UTC, datetime, timedelta
from uuid import uuid4

from domain.apps.dashboard_session import (
    DashboardSession,
    DashboardSessionEnded,
    DashboardSessionOpened,
    OpenSession,
)

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def command(state: str) -> OpenSession:
    return OpenSession(
        app_id=uuid4(),
        state=state,
        role="read",
        secret_sha256="5ec4e7",
        issuer="https://login.example.com",
        person="248289761001",
        ends_at=int((NOW + timedelta(hours=8)).timestamp()),
    )


def test_a_sign_in_opens_one_session_whose_id_follows_from_its_state() -> None:
    first, again, other = (DashboardSession.open(command(state), occurred_at=NOW)
                           for state in ("one", "one", "other"))  # fmt: skip
    assert first.id == again.id != other.id


def test_a_session_ends_once() -> None:
    session = DashboardSession.open(command("one"), occurred_at=NOW)
    for actor in ("key:1", "key:2"):
        session.end(actor=actor, occurred_at=NOW)
    opened, ended = session.collect_events()
    assert isinstance(opened, DashboardSessionOpened)
    assert isinstance(ended, DashboardSessionEnded)
    assert (opened.actor, ended.actor) == (f"session:{session.id}", "key:1")
    assert ended.app_id == session.app_id
