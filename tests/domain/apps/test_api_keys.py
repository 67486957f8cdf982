"""Keys: shown once, kept as a hash."""

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.apps.api_keys import KEY_BYTES, digest, new_key
from domain.apps.commands import KeyKind

_KINDS: tuple[KeyKind, ...] = ("read", "write", "admin")
_RANDOMNESS = st.binary(min_size=KEY_BYTES, max_size=KEY_BYTES)


@pytest.mark.parametrize("kind", _KINDS)
def test_a_key_shows_its_kind_and_is_stored_as_a_hash(kind: KeyKind) -> None:
    key = new_key(kind, bytes(range(KEY_BYTES)))
    assert key.text == f"bh_{kind}_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8"
    assert key.prefix == f"bh_{kind}_AAECAw"
    assert key.sha256 == hashlib.sha256(key.text.encode()).hexdigest() == digest(key.text)


@given(_RANDOMNESS, _RANDOMNESS)
def test_other_randomness_is_another_key(one: bytes, other: bytes) -> None:
    same = new_key("write", one).sha256 == new_key("write", other).sha256
    assert same is (one == other)


@given(_RANDOMNESS)
def test_a_key_travels_in_a_header(randomness: bytes) -> None:
    text = new_key("read", randomness).text
    assert text.isascii()
    assert text.isprintable()
    assert not set(text) & set(' =,;"')


def test_kinds_of_one_randomness_are_different_keys() -> None:
    assert len({new_key(kind, bytes(KEY_BYTES)).sha256 for kind in _KINDS}) == 3


def test_the_secret_is_not_in_what_gets_logged() -> None:
    key = new_key("admin", bytes(range(KEY_BYTES)))
    assert key.text not in repr(key)
    assert key.text not in key.sha256 + key.prefix


@pytest.mark.parametrize("size", [0, 31, 33])
def test_a_key_of_other_than_256_bits_is_refused(size: int) -> None:
    with pytest.raises(AssertionError):
        new_key("read", bytes(size))
