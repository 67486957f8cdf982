import re
from dataclasses import replace
from typing import Any

import httpx

from domain.subscriptions.subscription import Subscription
from tests.projections.subscriptions.random_events import provider_subscription
from tests.service.dashboard.visits import token_in, visit
from tests.service.harness import Shop
from tests.service.subscriptions.subscription_actions import subscribed


def path_of(subscription: Subscription) -> str:
    return f"/dashboard/subscriptions/{subscription.id}"


def seen_in(page: httpx.Response) -> str:
    found = re.search(r'name="seen" value="([^"]+)"', page.text)
    assert found is not None
    return found[1]


def requests_of(shop: Shop, subscription: Subscription) -> int:
    shop.service.wait_for_projection("invoices")
    events = shop.get(f"{shop.url}/subscriptions/{subscription.id}/events").json()["items"]
    return [event["type"] for event in events].count("subscription.change_requested")


def test_a_subscription_is_changed_after_it_was_confirmed_and_once_only(shop: Shop) -> None:
    made, other = subscribed(shop), subscribed(shop)
    visitor = visit(shop)
    path = path_of(made)
    assert 'value="price_monthly"' in visitor.get(path).text
    asked = "/change?price-0=price_monthly&quantity-0=3&price-1=price_seats&quantity-1=2"
    confirm = visitor.get(f"{path}{asked}&when=now").text
    assert "1 → 3" in confirm
    assert "new, 2" in confirm
    assert "It changes at once" in confirm
    assert requests_of(shop, made) == 0
    chosen = {"price-0": "price_monthly", "quantity-0": "3", "price-1": "price_seats",
              "quantity-1": "2", "when": "now", "action_key": "one-form"}  # fmt: skip
    for _ in range(2):
        response = visitor.act(path, f"{path}/change", **chosen)
        assert response.headers["location"] == f"{path}?note=done"
    assert requests_of(shop, made) == 1
    shown = visitor.get(path).text
    assert 'value="price_seats"' in shown
    later = {"price-0": "price_yearly", "when": "periodEnd"}
    response = visitor.act(path_of(other), f"{path_of(other)}/change", **later)
    assert response.headers["location"].endswith("note=done")
    assert " price_yearly." in visitor.get(path_of(other)).text


def test_a_change_confirmed_on_a_page_that_is_out_of_date_is_refused(shop: Shop) -> None:
    """It replaces all items, also those that somebody else added meanwhile."""
    made = subscribed(shop)
    visitor = visit(shop)
    path = path_of(made)
    asked = "/change?price-0=price_monthly&quantity-0=3&when=now"
    pages = [visitor.get(path + asked) for _ in range(2)]
    forms = [
        {"form_token": token_in(page), "action_key": f"tab-{number}", "seen": seen_in(page)}
        for number, page in enumerate(pages)
    ]
    others = {"price-0": "price_monthly", "price-1": "price_seats", "quantity-1": "7"}
    answer = visitor.post(f"{path}/change", {**forms[0], **others, "when": "now"})
    assert answer.headers["location"] == f"{path}?note=done"
    chosen = {"price-0": "price_monthly", "quantity-0": "3", "when": "now"}
    answer = visitor.post(f"{path}/change", {**forms[1], **chosen})
    assert answer.status_code == 400
    assert "its items have changed since you saw them" in answer.text
    answer = visitor.post(f"{path}/change", {**forms[0], **others, "when": "now"})
    assert answer.headers["location"] == f"{path}?note=done"  # sent twice, it acts once
    assert requests_of(shop, made) == 1


def test_an_item_without_units_is_offered_without_units(shop: Shop) -> None:
    seen = provider_subscription()
    idle = replace(seen.items[0], id="si_2", price="price_idle", quantity=0)
    made = subscribed(shop, seen=replace(seen, items=(*seen.items, idle)))
    shown = visit(shop).get(path_of(made)).text
    quantities = re.findall(r'name="quantity-\d" value="(\d*)"', shown)
    assert quantities == ["1", "0", "1"], "of the two items, and of another price"


def test_a_refused_change_shows_its_reason_and_a_pending_one_says_so(shop: Shop) -> None:
    refused = subscribed(shop, then="refused")
    visitor = visit(shop)
    chosen = {"price-0": "price_yearly", "when": "now"}
    response = visitor.act(path_of(refused), f"{path_of(refused)}/change", **chosen)
    assert response.headers["location"].endswith("note=refused")
    assert "The provider refused it" in visitor.get(response.headers["location"]).text


def test_wrong_lines_and_read_keys_change_nothing(shop: Shop, other_shop: Shop) -> None:
    made = subscribed(shop)
    path = path_of(made)
    visitor, reader, stranger = visit(shop), visit(shop, "read"), visit(other_shop)

    def change(who: Any, **chosen: str) -> httpx.Response:
        fields = {name.replace("_", "-"): value for name, value in chosen.items()}
        response: httpx.Response = who.act("/dashboard/operations", f"{path}/change", **fields)
        return response

    for wrong in (
        {"when": "now"},
        {"price_0": "price_monthly", "quantity_0": "0", "when": "now"},
        {"price_0": "price_monthly", "quantity_0": "many", "when": "now"},
        {"price_0": "price_monthly", "quantity_0": "", "when": "now"},
        {"price_0": "price_monthly", "quantity_0": "1.000", "when": "now"},
        {"price_0": "price_monthly", "quantity_0": "-1", "when": "now"},
        {"price_0": "price_monthly", "price_1": "price_monthly", "when": "now"},
        {"price_0": "price_monthly", "when": "someday"},
    ):
        assert change(visitor, **wrong).status_code == 400, wrong
        query = "&".join(f"{name.replace('_', '-')}={value}" for name, value in wrong.items())
        assert visitor.get(f"{path}/change?{query}").status_code == 400, wrong
    fitting = {"price_0": "price_monthly", "quantity_0": "2", "when": "now"}
    assert change(reader, **fitting).status_code == 403
    assert change(stranger, **fitting).status_code == 404
    query = "price-0=price_monthly&when=now"
    assert reader.get(f"{path}/change?{query}").status_code == 403
    assert stranger.get(f"{path}/change?{query}").status_code == 404
    assert "Change this subscription" not in reader.get(path).text
    assert requests_of(shop, made) == 0
