"""Ids follow from what makes a thing unique; the store then refuses doubles."""

from uuid import UUID, uuid5

from hypothesis import assume, given
from hypothesis import strategies as st

from domain.core import ids
from tests.domain.subscription_examples import APP_ID, CONNECTION_ID, TENANT_ID

_PARTS = st.lists(st.text(st.sampled_from("0123456789:ab"), max_size=6), max_size=4)
_TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)


@given(_PARTS, _PARTS)
def test_no_two_lists_of_parts_read_the_same(one: list[str], other: list[str]) -> None:
    assume(one != other)
    assert ids._derive("kind", *one) != ids._derive("kind", *other)  # noqa: SLF001 - every public id goes through it


@given(_PARTS, st.integers(0, 8))
def test_parts_can_not_be_cut_elsewhere(parts: list[str], cut: int) -> None:
    text = "".join(parts)
    recut = [text[:cut], text[cut:]]
    assume(recut != parts)
    assert ids._derive("kind", *recut) != ids._derive("kind", *parts)  # noqa: SLF001 - as above


@given(_TEXT)
def test_the_id_of_a_provider_event_is_the_uuid5_of_its_parts_with_their_lengths(
    event_id: str,
) -> None:
    namespace = UUID("5b3cf7be-9d6e-5d0c-8f0e-0b1d1c0a7f11")
    parts = ("provider_event", str(CONNECTION_ID), "test", event_id)
    name = "".join(f"{len(part)}:{part}" for part in parts)
    assert ids.for_provider_event(CONNECTION_ID, "test", event_id) == uuid5(namespace, name)


def test_things_of_different_kinds_never_share_an_id() -> None:
    made = [
        ids.for_post(APP_ID, None, "main"),
        ids.for_post(APP_ID, TENANT_ID, "main"),
        ids.for_action(APP_ID, None, "main"),
        ids.for_action(APP_ID, TENANT_ID, "main"),
        ids.for_tenant(APP_ID, TENANT_ID),
        ids.for_connection(APP_ID, "main"),
        ids.for_provider_object(APP_ID, CONNECTION_ID, "test", "main"),
        ids.for_provider_event(CONNECTION_ID, "test", "main"),
    ]
    assert len(set(made)) == len(made)


def test_a_released_id_is_never_derived_otherwise() -> None:
    """Check derived ids against stored ones: another derivation would allow duplicates."""
    assert [
        str(ids.for_post(APP_ID, None, "key-1")),
        str(ids.for_post(APP_ID, TENANT_ID, "key-1")),
        str(ids.for_tenant(APP_ID, TENANT_ID)),
        str(ids.for_connection(APP_ID, "main")),
        str(ids.for_provider_object(APP_ID, CONNECTION_ID, "test", "in_1")),
        str(ids.for_provider_event(CONNECTION_ID, "test", "evt_1")),
    ] == [
        "e3e7536c-399a-5725-9394-3bf07a9bdda6",
        "e226eaa1-91d1-5b5b-85ac-5be3d4455c12",
        "16afeb44-ea07-5f2c-ab05-ec0b34425caa",
        "a87a432f-57ab-50dd-a9a3-b27629108c12",
        "3766d781-5b70-5a08-824a-b4f38bc56bc5",
        "a3828d01-1055-5fe7-a33e-b9968e36b658",
    ]


@given(_TEXT, _TEXT, st.uuids(), st.uuids())
def test_a_key_means_one_thing_per_app_and_caller(
    key: str, other: str, app_id: UUID, tenant_id: UUID
) -> None:
    assert ids.for_post(app_id, None, key) == ids.for_post(app_id, None, key)
    assert ids.for_post(app_id, tenant_id, key) != ids.for_post(app_id, None, key)
    assert (ids.for_post(app_id, None, key) == ids.for_post(app_id, None, other)) is (key == other)


@given(st.uuids(), st.uuids())
def test_two_apps_bill_the_same_tenant_apart(app_id: UUID, other: UUID) -> None:
    assume(app_id != other)
    assert ids.for_tenant(app_id, TENANT_ID) != ids.for_tenant(other, TENANT_ID)


def test_test_and_live_are_apart() -> None:
    modes = ("test", "live")
    assert len({ids.for_provider_event(CONNECTION_ID, mode, "evt_1") for mode in modes}) == 2
    assert len({ids.for_provider_object(APP_ID, CONNECTION_ID, m, "in_1") for m in modes}) == 2
