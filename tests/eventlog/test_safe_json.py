import orjson
import pytest

from eventlog.safe_json import Unreadable, read_object, without_secrets


def test_plain_json_is_kept_byte_by_byte() -> None:
    raw = b'{\n  "id": "evt_1",\n  "amount": 1.5\n}'
    assert read_object(raw) == ({"id": "evt_1", "amount": 1.5}, raw)


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        (b"a\\u0000b", "a\ufffdb"),
        (b"a\\ud83db", "a\ufffdb"),
        (b"\\ud83d\\ude00", "\U0001f600"),
        (b"a\\nb\\tc", "a b c"),
        (b"a\x7fb", "a\ufffdb"),
        (b"a\xc2\x85b", "a\ufffdb"),
        ("caf\u00e9".encode(), "caf\u00e9"),
    ],
)
def test_what_can_not_be_stored_is_replaced(text: bytes, kept: str) -> None:
    parsed, stored = read_object(b'{"name": "' + text + b'"}')
    assert parsed == {"name": kept}
    assert orjson.loads(stored) == parsed


def test_client_secrets_are_cut_at_any_depth_however_they_are_written() -> None:
    raw = b'{"a": [{"client\\u005fsecret": "x"}], "client_secret": "y", "b": 1}'
    parsed, stored = read_object(raw)
    assert parsed == {"a": [{}], "b": 1}
    assert orjson.loads(stored) == parsed


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("pi_3_secret_x9", "[cut]"),
        (
            "https://a.test/?x=1&client_secret=abc&y=2",
            "https://a.test/?x=1&client_secret=[cut]&y=2",
        ),
        ("see seti_1_secret_2 there", "see [cut] there"),
        ("a secret garden", "a secret garden"),
    ],
)
def test_secrets_within_a_text_are_cut(text: str, kept: str) -> None:
    assert without_secrets({"value": text}) == {"value": kept}


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"[]",
        b"{",
        b"\xff\xfe",
        b'{"a": NaN, "b": "secret"}',
        b'{"a": 1e999, "b": "secret"}',
        b'{"a":' * 101 + b"1" + b"}" * 101,
        b'{"a":[[],' * 51 + b"1" + b"]}" * 51,
        b'{"secret":' * 5000 + b"1" + b"}" * 5000,
    ],
)
def test_what_is_no_object_to_keep_is_refused(raw: bytes) -> None:
    with pytest.raises(Unreadable):
        read_object(raw)
