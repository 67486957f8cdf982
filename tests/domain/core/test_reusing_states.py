"""Store.reusing_states: an aggregate is read once, and another writer's events are never missed."""

from concurrent.futures import ThreadPoolExecutor
from uuid import UUID

import pytest

from domain.apps.app import App
from domain.apps.commands import ChangeApp, CreateApp
from domain.billing import Billing
from tests.domain.core.conflicting_store import ContendedRecorder, contended_billing
from tests.domain.given import START

APP_ID = UUID(int=1)


@pytest.fixture
def shop() -> tuple[Billing, ContendedRecorder]:
    billing, recorder = contended_billing()
    create = CreateApp(app_id=APP_ID, name="Shop", slug="shop", actor="cli")
    billing.create_app(create, occurred_at=START)
    recorder.reads = 0
    return billing, recorder


def _rename(billing: Billing, name: str) -> App:
    command = ChangeApp(app_id=APP_ID, name=name, actor="cli")
    return billing.change(App, APP_ID, lambda app: app.change(command, occurred_at=START))


def test_an_aggregate_is_read_once_per_block(shop: tuple[Billing, ContendedRecorder]) -> None:
    billing, recorder = shop
    with billing.reusing_states(App):
        first = billing.get(App, APP_ID)
        second = _rename(billing, "Second")
        third = _rename(billing, "Third")
        assert billing.get(App, APP_ID) == third
        assert recorder.reads == 1
    assert first is second is third
    assert third.name == "Third"
    assert billing.get(App, APP_ID) == third
    assert recorder.reads == 2


def test_other_kinds_are_read_each_time(shop: tuple[Billing, ContendedRecorder]) -> None:
    billing, recorder = shop
    with billing.reusing_states():
        _rename(billing, "Second")
        _rename(billing, "Third")
    assert recorder.reads == 2


def test_another_writers_event_is_read_before_the_next_is_recorded(
    shop: tuple[Billing, ContendedRecorder],
) -> None:
    billing, recorder = shop
    disable = ChangeApp(app_id=APP_ID, enabled=False, actor="cli")
    with billing.reusing_states(App):
        billing.get(App, APP_ID)
        recorder.others = [lambda: _rename_in_another_thread(billing)]
        app = billing.change(App, APP_ID, lambda it: it.change(disable, occurred_at=START))
        assert (app.name, app.enabled) == ("Theirs", False)
        assert billing.get(App, APP_ID) == app


def test_nothing_is_left_unrecorded_because_of_an_old_state(
    shop: tuple[Billing, ContendedRecorder],
) -> None:
    billing, _ = shop
    with billing.reusing_states(App):
        _rename(billing, "Ours")
        _rename_in_another_thread(billing)
        assert _rename(billing, "Ours").name == "Ours"
    assert billing.get(App, APP_ID).name == "Ours"


def test_a_decision_for_nothing_is_made_once_more_on_what_is_recorded(
    shop: tuple[Billing, ContendedRecorder],
) -> None:
    billing, recorder = shop
    versions: list[int] = []
    with billing.reusing_states(App):
        first = billing.change(App, APP_ID, lambda app: versions.append(app.version))
        assert (versions, recorder.reads) == ([1], 1)
        again = billing.change(App, APP_ID, lambda app: versions.append(app.version))
    assert (versions, recorder.reads) == ([1, 1, 1], 2)
    assert first == again


def test_events_of_a_decision_that_raises_are_forgotten(
    shop: tuple[Billing, ContendedRecorder],
) -> None:
    billing, _ = shop

    def fail(app: App) -> None:
        command = ChangeApp(app_id=APP_ID, name="Never", actor="cli")
        app.change(command, occurred_at=START)
        raise RuntimeError("decided, but not recorded")

    with billing.reusing_states(App):
        billing.get(App, APP_ID)
        with pytest.raises(RuntimeError, match="not recorded"):
            billing.change(App, APP_ID, fail)
        assert billing.get(App, APP_ID).name == "Shop"
        assert _rename(billing, "Next").version == 2


def test_aggregates_are_read_ahead_by_one_query_for_one_get_each(
    shop: tuple[Billing, ContendedRecorder],
) -> None:
    billing, recorder = shop
    with billing.reusing_states():
        billing.read_ahead([APP_ID, UUID(int=2)])
        assert (billing.get(App, APP_ID).name, recorder.reads) == ("Shop", 1)
        assert billing.find(App, UUID(int=2)) is None
        _rename_in_another_thread(billing)
        assert (billing.get(App, APP_ID).name, recorder.reads) == ("Theirs", 4)


def test_a_change_of_what_was_read_ahead_does_not_miss_another_writers_event(
    shop: tuple[Billing, ContendedRecorder],
) -> None:
    billing, _ = shop
    disable = ChangeApp(app_id=APP_ID, enabled=False, actor="cli")
    restore = ChangeApp(app_id=APP_ID, name="Shop", enabled=True, actor="cli")
    for kinds in ((), (App,)):
        with billing.reusing_states(*kinds):
            billing.read_ahead([APP_ID])
            _rename_in_another_thread(billing)
            app = billing.change(App, APP_ID, lambda it: it.change(disable, occurred_at=START))
            assert (app.name, app.enabled) == ("Theirs", False)
        billing.change(App, APP_ID, lambda it: it.change(restore, occurred_at=START))


def _rename_in_another_thread(billing: Billing) -> None:
    """Write as another process would, without a change of this thread's states."""
    with ThreadPoolExecutor(1) as other:
        other.submit(_rename, billing, "Theirs").result()
