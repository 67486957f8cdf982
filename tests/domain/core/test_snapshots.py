"""Snapshots: of a long stream the newest events alone are read, and nothing is missed."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID

from eventsourcing.persistence import StoredEvent

from domain.apps.app import App
from domain.apps.commands import ChangeApp, CreateApp
from domain.billing import Billing
from domain.core.snapshots import Snapshots
from tests.domain.core.conflicting_store import ContendedRecorder, contended_billing
from tests.domain.given import START

APP_ID = UUID(int=1)
LATER = START + timedelta(days=1)


def test_a_long_stream_is_read_once_and_then_its_newest_events() -> None:
    billing, recorder = contended_billing()
    others, read = billing.repository, _counting(recorder)
    create = CreateApp(app_id=APP_ID, name="Shop", slug="shop", actor="cli")
    billing.create_app(create, occurred_at=START)
    for number in range(100):
        command = ChangeApp(app_id=APP_ID, name=f"Shop {number}", actor="cli")
        if number % 9 == 0:  # another process, which has no snapshot of this one
            app: App = others.get(APP_ID)
            read.pop()
            app.change(command, occurred_at=START)
            billing.save(app)
        else:
            _change(billing, command)
    assert max(read) <= 40
    loaded = billing.get(App, APP_ID)
    assert (loaded.name, loaded.version) == ("Shop 99", 101)
    assert vars(loaded) == vars(others.get(APP_ID))


def test_a_caller_cannot_change_what_is_kept() -> None:
    app = _app(version=40)
    snapshots = Snapshots()
    snapshots.keep(app)
    app.change(ChangeApp(app_id=APP_ID, name="Other", actor="cli"), occurred_at=START)
    snapshot = snapshots.find(APP_ID)
    assert snapshot is not None
    restored = snapshot.restore()
    assert (restored.version, snapshot.version) == (40, 40)
    assert vars(restored)["name"] == "Shop 39"
    assert not restored.pending_events


def test_a_stream_that_lost_events_is_read_as_a_whole() -> None:
    snapshots = Snapshots()
    for stored in (37, 40, 45):  # before, at and after the version of the snapshot
        snapshots.keep(_app(version=40))
        standby = Billing(snapshots=snapshots)
        app = _app(version=35, collect=False)
        for number in range(35, stored):
            command = ChangeApp(app_id=APP_ID, name=f"Other {number}", actor="cli")
            app.change(command, occurred_at=LATER)
        standby.save(app)
        loaded = standby.get(App, APP_ID)
        assert (loaded.name, loaded.version) == (f"Other {stored - 1}", stored)
        _change(standby, ChangeApp(app_id=APP_ID, name="Shop", actor="cli"))
        assert standby.get(App, APP_ID).version == stored + 1
        snapshots.drop(APP_ID)


def test_short_streams_are_not_kept_and_the_oldest_are_dropped_when_memory_is_used_up() -> None:
    snapshots = Snapshots()
    snapshots.keep(_app(version=10))
    assert snapshots.find(APP_ID) is None
    snapshots.keep(_app(version=40))
    known = snapshots.find(APP_ID)
    assert known is not None
    small = Snapshots(most_bytes=len(known.state) + 10)
    for number in (1, 2):
        small.keep(_app(UUID(int=number), version=40))
    assert small.find(UUID(int=1)) is None
    assert small.find(UUID(int=2)) is not None


def _change(billing: Billing, command: ChangeApp) -> None:
    billing.change(App, APP_ID, lambda app: app.change(command, occurred_at=START))


def _app(app_id: UUID = APP_ID, *, version: int, collect: bool = True) -> App:
    app = App.create(
        CreateApp(app_id=app_id, name="Shop 0", slug="shop", actor="cli"), occurred_at=START
    )
    for number in range(1, version):
        command = ChangeApp(app_id=app_id, name=f"Shop {number}", actor="cli")
        app.change(command, occurred_at=START)
    if collect:
        app.collect_events()
    return app


def _counting(recorder: ContendedRecorder) -> list[int]:
    """Count the events of each read."""
    counts: list[int] = []
    select = recorder.select_events

    def select_events(*args: Any, **options: Any) -> Sequence[StoredEvent]:
        found = select(*args, **options)
        counts.append(len(found))
        return found

    recorder.select_events = select_events  # type: ignore[method-assign]
    return counts
