import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from eventlog.security.safe_json import UNSAFE, Unreadable, read_object, without_secrets


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


def test_more_objects_and_lists_than_can_be_walked_quickly_are_refused() -> None:
    for empty in (b"[]", b"{}"):
        for escaped in (b"", b"\\u0041"):
            few, many = (
                b'{"a": "%b", "b": [%b]}' % (escaped, b",".join([empty] * count))
                for count in (40_000, 60_000)
            )
            assert len(read_object(few)[0]["b"]) == 40_000
            with pytest.raises(Unreadable):
                read_object(many)


def test_client_secrets_are_cut_at_any_depth_however_they_are_written() -> None:
    raw = b'{"a": [{"client\\u005fsecret": "x"}], "client_secret": "y", "b": 1}'
    parsed, stored = read_object(raw)
    assert parsed == {"a": [{}], "b": 1}
    assert orjson.loads(stored) == parsed


def test_a_parsed_values_secrets_are_cut_wherever_they_are_in_their_object() -> None:
    quoted = 'he said: ,"client_secret":"x", {"client_secret":"y"}'
    for secret in ("pi_1_secret_2", None, 'a"b', {"client_secret": "c"}, 7):
        for beside in ({}, {"note": "plain"}, {"note": quoted}, {"note": "a\n"}):
            value = {
                "client_secret": secret,
                "first": [{"client_secret": secret, "b": 1, **beside}, {"client_secret": secret}],
                "last": {"a": 2, "client_secret": secret},
            }
            kept = {key: text.replace("\n", " ") for key, text in beside.items()}
            expected = {"first": [{"b": 1, **kept}, {}], "last": {"a": 2}}
            assert without_secrets(value) == expected


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


@pytest.mark.parametrize("unsafe", ["\0", "\t", "\n", "\r", "\x1f", "\x7f", "\x85", "\ud83d"])
def test_a_parsed_value_is_itself_unless_it_has_something_to_clean(unsafe: str) -> None:
    plain = {"a": ["b", {"c": 'd"\\/é\U0001f600'}], "e": 2**70, "f": 1.5, "g": None}
    small = plain | {"e": 1}
    assert without_secrets(small) is small
    assert without_secrets(plain) == plain
    for dirty in ({"a": [f"b{unsafe}"]}, {"a": {f"b{unsafe}": 1}}, {"a": 2**70, "b": unsafe}):
        assert without_secrets(dirty) != dirty


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


@pytest.mark.parametrize(
    "raw",
    [
        b'{"a":' * 100 + b"1" + b"}" * 100,
        b'{"a":' * 98 + b"[[],[],[]]" + b"}" * 98,
        b'{"a": "' + b"{[" * 200 + b'"}',
        b'{"secret": "' + b"{[" * 200 + b'"}',
        b'{"a": [' + b"{}," * 200 + b"[]]}",
    ],
)
def test_up_to_a_hundred_levels_are_kept_beside_any_value(raw: bytes) -> None:
    parsed, kept = read_object(raw)
    assert parsed == orjson.loads(raw) == orjson.loads(kept)


@given(
    st.lists(
        st.sampled_from(
            [
                '\\"',
                "\\n",
                "\\u0000",
                "\\/",
                "\\\\",
                "\x7f",
                "\x85",
                "\xe9",
                "\u4e2d",
                "secret",
                "a",
            ]
        )
    )
)
def test_nothing_unsafe_is_ever_stored_whichever_way_it_was_read(parts: list[str]) -> None:
    parsed, kept = read_object(f'{{"name": "{"".join(parts)}"}}'.encode())
    assert UNSAFE.search(parsed["name"]) is None
    assert orjson.loads(kept) == parsed
    for shown in (kept.decode(), parsed["name"]):
        assert UNSAFE.search(shown) is None
