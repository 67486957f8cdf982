import stripe
from hypothesis import given
from hypothesis import strategies as st

from service.webhooks.stripe_signature import Verdict, verify

SECRET = "whsec_test"
NOW_S = 1_700_000_000


def verdict(
    raw: bytes, header: str, *, now_s: float = NOW_S, secrets: tuple[str, ...] = (SECRET,)
) -> Verdict:
    return verify(raw, header=header, secrets=secrets, now_s=now_s, tolerance_s=300)


def header(text: str, *, secret: str = SECRET, at_s: int = NOW_S) -> str:
    return stripe.WebhookSignature.generate_signature_header(text, secret, timestamp=at_s)


@given(text=st.text(alphabet=st.characters(codec="utf-8")))
def test_every_signature_by_stripe_is_valid(text: str) -> None:
    assert verdict(text.encode(), header(text)) is Verdict.VALID


@given(raw=st.binary(), junk=st.text())
def test_no_header_raises(raw: bytes, junk: str) -> None:
    assert verdict(raw, junk) is not Verdict.VALID


def test_one_of_several_signatures_and_secrets_is_enough() -> None:
    both = header("{}", secret="old") + "," + header("{}").partition(",")[2]
    assert verdict(b"{}", both, secrets=("new", SECRET)) is Verdict.VALID


def test_no_secret_proves_nothing() -> None:
    assert verdict(b"{}", header("{}"), secrets=()) is Verdict.FORGED


def test_the_tolerance_holds_both_ways() -> None:
    signed = header("{}")
    assert verdict(b"{}", signed, now_s=NOW_S + 300) is Verdict.VALID
    assert verdict(b"{}", signed, now_s=NOW_S + 301) is Verdict.STALE
    assert verdict(b"{}", signed, now_s=NOW_S - 300) is Verdict.VALID
    assert verdict(b"{}", signed, now_s=NOW_S - 301) is Verdict.FUTURE


def test_a_forged_time_is_called_forged_and_not_stale() -> None:
    late = header("{}").replace(str(NOW_S), str(NOW_S - 1000))
    assert verdict(b"{}", late) is Verdict.FORGED
