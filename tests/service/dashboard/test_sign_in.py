import re
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest

from domain.apps.api_keys import digest
from domain.apps.commands import RevokeKey
from eventlog.security.vault import Vault
from service.dashboard.guard import safe_next
from service.dashboard.routes import DASHBOARD_ROUTES
from service.dashboard.sessions import SESSION_LIFE, Sessions
from tests.service.dashboard.visits import HOST, Visit, token_in, visit
from tests.service.harness import Shop, now
from tests.service.running_service import MASTER_KEY, Service

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def test_read_and_admin_keys_open_a_session(shop: Shop) -> None:
    for kind in ("read", "admin"):
        visitor = Visit(shop.service)
        response = visitor.sign_in(shop.keys[kind], then="/dashboard/invoices")
        assert response.status_code == 303
        assert response.headers["location"] == "/dashboard/invoices"
        cookie = response.headers["set-cookie"].lower()
        for attribute in ("httponly", "samesite=strict", "path=/dashboard", "max-age=28800"):
            assert attribute in cookie
        assert shop.keys[kind] not in cookie
        assert visitor.get("/dashboard").status_code == 200


def test_other_keys_open_nothing(shop: Shop) -> None:
    for key in ("", "bh_admin_wrong", shop.keys["write"], shop.keys["admin"] + "x", "\udcff é"):
        visitor = Visit(shop.service)
        page = visitor.get("/dashboard/sign-in")
        form = {"form_token": token_in(page), "key": key.encode("utf-8", "replace").decode()}
        response = visitor.post("/dashboard/sign-in", form)
        assert response.status_code == 401
        assert "does not open the dashboard" in response.text
        assert "billhook_session" not in visitor.cookies


def test_pages_send_to_sign_in_without_a_session(shop: Shop) -> None:
    visitor = Visit(shop.service)
    for path in ("/dashboard", "/dashboard/invoices", "/dashboard/live", "/dashboard/nothing"):
        response = visitor.get(path)
        assert response.status_code == 303
        assert response.headers["location"].startswith("/dashboard/sign-in")
    location = visitor.get("/dashboard/invoices?status=paid").headers["location"]
    assert location == "/dashboard/sign-in?next=%2Fdashboard%2Finvoices%3Fstatus%3Dpaid"


def test_a_form_that_comes_after_its_session_says_that_nothing_was_done(shop: Shop) -> None:
    visitor = Visit(shop.service)
    response = visitor.post("/dashboard/keys", {"kind": "read"})
    assert response.status_code == 303
    page = visitor.get(response.headers["location"])
    assert "nothing was done" in page.text
    left = visitor.post("/dashboard/sign-out", {})
    assert "nothing was done" not in visitor.get(left.headers["location"]).text


def test_forged_and_damaged_cookies_open_nothing(shop: Shop) -> None:
    known = visit(shop).cookies["billhook_session"]
    foreign = Sessions([Vault.new_key()]).open(digest(shop.keys["admin"]), now=now())
    for cookie in ("", "x", known[:-4], known + "a", foreign, "a" * 5000):
        visitor = Visit(shop.service, {"billhook_session": cookie})
        assert visitor.get("/dashboard").status_code == 303


def test_a_session_lasts_eight_hours() -> None:
    sessions = Sessions([MASTER_KEY])
    cookie = sessions.open("ab", now=NOW)
    almost = NOW + SESSION_LIFE - timedelta(seconds=1)
    assert sessions.read(cookie, now=almost) is not None
    assert sessions.read(cookie, now=NOW + SESSION_LIFE) is None


def test_a_session_ends_with_its_key(shop: Shop) -> None:
    visitor = visit(shop, "read")
    command = RevokeKey(app_id=shop.app_id, key_id=shop.key_ids["read"], actor="operator")
    shop.billing.revoke_key(command, occurred_at=now())
    shop.service.wait_for_projection("access")
    assert visitor.get("/dashboard").status_code == 303


def test_signing_in_opens_another_session_than_the_browser_brought(shop: Shop) -> None:
    """A cookie that somebody planted is worth nothing after the sign-in."""
    first = visit(shop)
    planted = first.cookies["billhook_session"]
    second = Visit(shop.service, {"billhook_session": planted})
    second.sign_in(shop.keys["read"])
    assert second.cookies["billhook_session"] != planted
    token = token_in(first.get("/dashboard"))
    assert second.post("/dashboard/theme", {"form_token": token}).status_code == 400


def test_sign_out_deletes_the_session(shop: Shop) -> None:
    visitor = visit(shop)
    response = visitor.act("/dashboard", "/dashboard/sign-out")
    assert response.status_code == 303
    assert 'billhook_session=""' in response.headers["set-cookie"]


def test_attempts_are_limited(service_database: str) -> None:
    with Service(service_database, projections=False, sign_ins_per_minute=2) as service:
        visitor = Visit(service)
        codes = [visitor.sign_in("bh_admin_wrong").status_code for _ in range(3)]
    assert codes[2] == 429


def test_a_link_signs_in_once(shop: Shop) -> None:
    sessions = shop.service.context.dashboard.sessions
    token = sessions.new_link(digest(shop.keys["admin"]), now=now())
    visitor = Visit(shop.service)
    page = visitor.get(f"/dashboard/sign-in?link={token}")
    assert page.status_code == 200
    form = {"form_token": token_in(page), "link": token}
    assert visitor.post("/dashboard/sign-in", form).status_code == 303
    assert visitor.get("/dashboard").status_code == 200
    again = Visit(shop.service)
    form = {"form_token": token_in(again.get("/dashboard/sign-in")), "link": token}
    assert again.post("/dashboard/sign-in", form).status_code == 401
    late = sessions.new_link(digest(shop.keys["admin"]), now=now() - timedelta(hours=1))
    assert again.get(f"/dashboard/sign-in?link={late}").status_code == 401


@pytest.mark.parametrize(
    "given",
    ["https://evil.test", "//evil.test", "/dashboard//evil.test\\", "/\\evil.test", "javascript:1",
     "/dashboard\n//evil.test", "/dashboardx", "/api/v1", "", "/dashboard@evil.test"],
)  # fmt: skip
def test_sign_in_leads_to_no_other_site(given: str) -> None:
    assert safe_next(given) == "/dashboard"


def test_forms_need_the_token_of_their_session_and_our_own_origin(shop: Shop) -> None:
    visitor, other = visit(shop), visit(shop)
    token = token_in(visitor.get("/dashboard"))
    for form in ({}, {"form_token": ""}, {"form_token": token_in(other.get("/dashboard"))}):
        assert visitor.post("/dashboard/theme", {"theme": "dark", **form}).status_code == 400
    form = {"theme": "dark", "form_token": token}
    for origin in ("https://evil.test", "null"):
        assert visitor.post("/dashboard/theme", form, origin=origin).status_code == 400
    assert visitor.post("/dashboard/theme", form).status_code == 303
    assert visitor.get("/dashboard").text.count('data-bs-theme="dark"') == 1


def test_every_form_needs_the_token_of_its_session_and_our_own_origin(shop: Shop) -> None:
    visitor, other = visit(shop), visit(shop)
    token, others = (token_in(one.get("/dashboard")) for one in (visitor, other))
    paths = {
        re.sub(r"{\w+}", str(uuid4()), route.path)
        for route in DASHBOARD_ROUTES
        if "POST" in (route.methods or ())
    } - {"/dashboard/sign-in"}
    assert len(paths) > 5
    for path in paths:
        for form in ({"theme": "dark"}, {"form_token": others}):
            assert visitor.post(path, form).status_code == 400, path
        for origin in ("https://evil.test", "null", f"{HOST}.evil.test"):
            response = visitor.post(path, {"form_token": token}, origin=origin)
            assert response.status_code == 400, path
