from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eventlog.errors import VaultError
from eventlog.security.signed_links import Signer
from eventlog.security.vault import Vault

OLD, NEW = Vault.new_key(), Vault.new_key()
SIGNER = Signer([OLD])


@given(st.uuids())
def test_a_signed_value_round_trips_and_is_deterministic(named: UUID) -> None:
    token = SIGNER.sign(named, purpose="document")
    assert SIGNER.read(token, purpose="document") == named
    assert token == Signer([OLD]).sign(named, purpose="document")
    assert len(token) == 43


def test_a_token_is_good_for_its_purpose_alone() -> None:
    token = SIGNER.sign(uuid4(), purpose="document")
    with pytest.raises(VaultError):
        SIGNER.read(token, purpose="return")


def test_another_id_another_key_or_one_character_changed_is_refused() -> None:
    named = uuid4()
    token = SIGNER.sign(named, purpose="document")
    with pytest.raises(VaultError):
        Signer([NEW]).read(token, purpose="document")
    for place, known in enumerate(token):
        changed = "A" if known != "A" else "B"
        with pytest.raises(VaultError):
            SIGNER.read(token[:place] + changed + token[place + 1 :], purpose="document")


def test_only_one_way_of_writing_is_accepted() -> None:
    token = SIGNER.sign(UUID(int=7), purpose="document")
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    spare = alphabet[alphabet.index(token[-1]) ^ 1]
    with pytest.raises(VaultError):
        SIGNER.read(token[:-1] + spare, purpose="document")


@given(st.text(max_size=60))
def test_what_is_no_token_is_refused(text: str) -> None:
    with pytest.raises(VaultError):
        SIGNER.read(text, purpose="document")


def test_old_links_open_after_the_master_key_was_replaced() -> None:
    named = uuid4()
    token = SIGNER.sign(named, purpose="document")
    assert Signer([NEW, OLD]).read(token, purpose="document") == named


def test_signing_needs_a_master_key() -> None:
    with pytest.raises(VaultError):
        Signer([])
