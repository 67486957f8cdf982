import traceback

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eventlog.errors import VaultError
from eventlog.security.vault import Vault

_VAULT = Vault([Vault.new_key()])
_TEXTS = st.text(st.characters(exclude_categories=["Cs"]))


@given(_TEXTS, _TEXTS)
def test_what_was_sealed_opens_in_its_context_alone(text: str, context: str) -> None:
    sealed = _VAULT.seal(text, context=context)
    assert _VAULT.open(sealed, context=context) == text
    with pytest.raises(VaultError):
        _VAULT.open(sealed, context=context + "x")


def test_the_first_key_seals_and_any_opens() -> None:
    old, new = Vault.new_key(), Vault.new_key()
    sealed_before = Vault([old]).seal("sk_test", context="app/stripe")
    rotated = Vault([new, old])
    assert rotated.open(sealed_before, context="app/stripe") == "sk_test"
    sealed_after = rotated.seal("sk_test", context="app/stripe")
    assert Vault([new]).open(sealed_after, context="app/stripe") == "sk_test"
    with pytest.raises(VaultError):
        Vault([old]).open(sealed_after, context="app/stripe")


def test_a_text_is_sealed_differently_each_time() -> None:
    assert _VAULT.seal("same", context="c") != _VAULT.seal("same", context="c")


@pytest.mark.parametrize("damaged", ["", "v1.", "v1.nonsense", "v9.x", "sk_test_in_clear", "v1.ä"])
def test_what_was_not_sealed_does_not_open(damaged: str) -> None:
    with pytest.raises(VaultError):
        _VAULT.open(damaged, context="c")


def test_errors_contain_neither_text_nor_key() -> None:
    key = Vault.new_key()
    sealed = Vault([key]).seal("sk_live_secret", context="one")
    with pytest.raises(VaultError) as caught:
        Vault([key]).open(sealed, context="two")
    shown = "".join(traceback.format_exception(caught.value)) + repr(Vault([key]))
    assert "sk_live_secret" not in shown
    assert key not in shown
    assert sealed not in shown


@pytest.mark.parametrize("keys", [[], ["short"], ["ä" * 44], [Vault.new_key(), "c2hvcnQ="]])
def test_a_master_key_must_be_one(keys: list[str]) -> None:
    with pytest.raises(VaultError) as caught:
        Vault(keys)
    assert caught.value.__cause__ is None
