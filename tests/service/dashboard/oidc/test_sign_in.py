"""Sign-in by OpenID Connect, at a provider of our own on the loopback."""

import re
from typing import Any
from uuid import uuid4

import httpx
import pytest
from pydantic import ValidationError

from domain.apps.commands import ChangeApp
from service.settings import Settings
from tests.service.dashboard.oidc.issuer_world import (
    START,
    World,
    roles,
    session_events,
    settings_of,
    without,
)
from tests.service.dashboard.visits import Visit, token_in, visit
from tests.service.harness import now
from tests.service.running_service import MASTER_KEY, Service
from tests.support.canned_server import serve_canned


def test_a_person_signs_in_reads_and_signs_out(world: World) -> None:
    visitor, back = world.leave(f"{START}?next=/dashboard/invoices%3Fstatus%3Dpaid")
    answer = visitor.get(back)
    assert answer.status_code == 200, answer.text
    assert 'content="0;url=/dashboard/invoices?status=paid"' in answer.text
    (session,) = [c for c in answer.headers.get_list("set-cookie") if "billhook_session" in c]
    for attribute in ("httponly", "samesite=strict", "path=/dashboard", "max-age=28800"):
        assert attribute in session.lower()
    assert 'billhook_oidc=""' in str(answer.headers.get_list("set-cookie"))
    page = visitor.get("/dashboard/invoices?status=paid")
    assert page.status_code == 200
    refused = visitor.post("/dashboard/work/resend", {"form_token": token_in(page)})
    assert refused.status_code == 403
    (opened,) = session_events(world)
    assert (opened.TOPIC, opened.role, opened.person) == (
        "dashboard_session.opened",
        "read",
        world.provider.subject,
    )
    assert opened.actor == f"session:{opened.originator_id}"
    planted = dict(visitor.cookies)
    assert visitor.act("/dashboard", "/dashboard/sign-out").status_code == 303
    assert Visit(world.service, planted).get("/dashboard").status_code == 303, "revoked, not lost"
    ended = world.service.events(opened.originator_id)[-1]
    assert (ended.TOPIC, ended.actor) == ("dashboard_session.ended", opened.actor)


def test_the_cookie_of_the_way_back_is_lax_sealed_and_short(world: World) -> None:
    visitor = Visit(world.service)
    left = visitor.get(START)
    (cookie,) = left.headers.get_list("set-cookie")
    for attribute in ("httponly", "samesite=lax", f"path={START}", "max-age=600"):
        assert attribute in cookie.lower()
    query = httpx.URL(left.headers["location"]).params
    for name in ("state", "nonce"):
        assert query[name] not in cookie


def test_the_greater_role_counts_and_acts_under_the_persons_session(world: World) -> None:
    world.provider.groups = ["staff", "billing", 7, None]
    visitor, _ = world.sign_in()
    fields = {"kind": "read", "name": "By a person", "action_key": str(uuid4())}
    made = visitor.act("/dashboard/operations", "/dashboard/keys", **fields)
    assert made.status_code == 200
    newest = world.service.events(world.app.app_id)[-1]
    assert newest.actor.startswith("session:")
    assert "your session" in made.text
    key = re.search(r"bh_read_[A-Za-z0-9_-]{20,}", made.text)
    assert key is not None
    listed = visitor.get("/dashboard/operations").text
    assert world.provider.subject in listed
    assert listed.count('/rotate"') == listed.count('/revoke"'), "sessions are no keys"


def test_an_admin_ends_a_session(world: World) -> None:
    person, _ = world.sign_in()
    world.provider.groups = "billing"
    admin, _ = world.sign_in()
    rows = world.service.call(
        world.service.context.auth.access_rows.sessions(world.app.app_id, now=now())
    )
    theirs = rows[1].session_id
    path = f"/dashboard/sessions/{theirs}/end"
    assert visit(world.other).get("/dashboard").status_code == 200
    assert visit(world.other).act("/dashboard/operations", path).status_code == 404
    assert person.get("/dashboard").status_code == 200
    assert admin.act("/dashboard/operations", path).status_code == 303
    assert person.get("/dashboard").status_code == 303
    assert admin.act("/dashboard/operations", path).status_code == 404
    ended = world.service.events(theirs)[-1]
    assert (ended.TOPIC, ended.actor) == (
        "dashboard_session.ended",
        f"session:{rows[0].session_id}",
    )


def test_of_several_apps_one_is_chosen(world: World) -> None:
    world.provider.groups = ["both"]
    visitor, choice = world.sign_in()
    assert "billhook_session" not in visitor.cookies
    links = re.findall(r'href="(/dashboard/sign-in/oidc\?app=[^"]+)"', choice.text)
    assert len(links) == 2
    link = next(one for one in links if str(world.other.app_id) in one).replace("&amp;", "&")
    visitor, _ = world.sign_in(link)
    assert "API keys" in visitor.get("/dashboard/operations").text, "admin of the other app"
    for unknown in (str(uuid4()), "x"):
        _, choice = world.sign_in(f"{START}?app={unknown}")
        assert "Choose an app" in choice.text, "an app without a role is none to choose"


def test_whoever_has_no_role_is_refused(world: World) -> None:
    nothing: list[Any] = [None, [], {}, "unknown", ["gone"], [["staff"]], 7, "staff,billing"]
    for groups in nothing:
        world.provider.groups = groups
        visitor, answer = world.sign_in()
        assert (answer.status_code, "you have no role" in answer.text) == (403, True), groups
        assert "billhook_session" not in visitor.cookies
    world.provider.change = without("groups")
    assert world.sign_in()[1].status_code == 403
    command = ChangeApp(app_id=world.other.app_id, enabled=False, actor="operator")
    world.provider.change = lambda _: None
    world.provider.groups = ["both"]
    world.other.billing.change_app(command, occurred_at=now())
    world.service.wait_for_projection("access")
    visitor, _ = world.sign_in()
    assert visitor.get("/dashboard").status_code == 200, "one app is left, and is not chosen from"
    again = ChangeApp(app_id=world.other.app_id, enabled=True, actor="operator")
    world.other.billing.change_app(again, occurred_at=now())
    world.service.wait_for_projection("access")


def test_an_error_of_the_issuer_is_shown_and_nothing_of_its_text(world: World) -> None:
    for refusal in ("access_denied", "<script>alert(1)</script>"):
        world.provider.refusal = refusal
        _, answer = world.sign_in()
        assert (answer.status_code, "Example Login refused" in answer.text) == (403, True)
        assert "alert(1)" not in answer.text
    world.provider.refusal = None
    visitor, back = world.leave()
    for name, value in (("iss", "https://evil.test"), ("code", ""), ("code", "c" * 3000)):
        url = httpx.URL(back).copy_set_param(name, value)
        answer = Visit(world.service, dict(visitor.cookies)).get(str(url))
        assert answer.status_code == 401, name
    forged = httpx.URL(back).copy_set_param("code", "guessed")
    assert visitor.get(str(forged)).status_code == 403


def test_the_sign_in_leads_to_no_other_site(world: World) -> None:
    for given in ("https://evil.test", "//evil.test", "//[", "javascript:1", "x" * 3000):
        visitor, back = world.leave(f"{START}?next={given}")
        assert 'content="0;url=/dashboard"' in visitor.get(back).text
    long = "/dashboard/invoices?q=" + "x" * 2000
    visitor, back = world.leave(f"{START}?next={long.replace('?', '%3F')}")
    assert 'content="0;url=/dashboard"' in visitor.get(back).text


def test_an_issuer_that_is_down_hurts_nobody_else(world: World, service_database: str) -> None:
    with serve_canned() as canned:
        canned.answer(503, b"")
        settings = settings_of(canned.url, {"staff": {world.app.app_id: "read"}})
        with Service(service_database, projections=False, **settings) as lonely:
            lonely.call(lonely.context.auth.access.wait_until_verified(60))
            for _ in range(2):
                visitor = Visit(lonely)
                page = visitor.get(START)
                assert (page.status_code, "sign in with a key" in page.text) == (503, True)
                assert visitor.sign_in(world.app.keys["read"]).status_code == 303
                assert visitor.get("/dashboard").status_code == 200
            assert len(canned.requests) == 1, "an error is kept for a moment"


def test_without_an_issuer_there_is_only_the_key(service: Service) -> None:
    visitor = Visit(service)
    assert "Sign in with" not in visitor.get("/dashboard/sign-in").text
    for path in (START, f"{START}/return?state=a&code=b"):
        assert visitor.get(path).status_code == 404


def test_attempts_are_limited_apart_from_those_with_a_key(
    world: World, service_database: str
) -> None:
    settings = settings_of(world.provider.url, {"staff": {world.app.app_id: "read"}})
    settings["sign_ins_per_minute"] = 2
    with Service(service_database, projections=False, **settings) as service:
        service.call(service.context.auth.access.wait_until_verified(60))
        codes = [Visit(service).get(START).status_code for _ in range(3)]
        assert codes == [303, 303, 429]
        assert Visit(service).sign_in(world.app.keys["read"]).status_code == 303


def test_a_session_ends_where_its_issuer_is_no_longer_set(
    world: World, service: Service, service_database: str
) -> None:
    visitor, _ = world.sign_in()
    assert visitor.get("/dashboard").status_code == 200
    assert Visit(service, dict(visitor.cookies)).get("/dashboard").status_code == 303
    role_map = roles(world.app.app_id, world.other.app_id)
    settings = settings_of("https://login.example", role_map)
    with Service(service_database, projections=False, **settings) as elsewhere:
        elsewhere.call(elsewhere.context.auth.access.wait_until_verified(60))
        by_key = Visit(elsewhere)
        assert by_key.sign_in(world.app.keys["read"]).status_code == 303
        assert by_key.get("/dashboard").status_code == 200
        assert Visit(elsewhere, dict(visitor.cookies)).get("/dashboard").status_code == 303


def test_unsafe_settings_are_refused() -> None:
    good = settings_of("https://login.example.com", {"staff": {uuid4(): "read"}})
    known: dict[str, Any] = {"database_url": "postgresql://x", "master_keys": MASTER_KEY}
    assert Settings(**known, **good | {"public_url": "https://billing.example.com"})
    wrong: list[dict[str, Any]] = [
        {"oidc_issuer": "http://login.example.com"},
        {"oidc_issuer": "https://user@login.example.com"},
        {"oidc_issuer": "https://["},
        {"public_url": "http://billing.example.com"},
        {"dashboard_port": 8081},
        {"oidc_client_id": ""},
        {"oidc_roles": {}},
        {"oidc_roles": {"staff": {"no id": "read"}}},
        {"oidc_roles": {"staff": {str(uuid4()): "write"}}},
        {"oidc_scopes": "profile"},
    ]
    for one in wrong:
        with pytest.raises(ValidationError) as refused:
            Settings(**known, **good | one)
        assert MASTER_KEY not in str(refused.value)
