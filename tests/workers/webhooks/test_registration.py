"""An operator registers, renews and checks a connection's webhook endpoint."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import UUID, uuid4

import pytest

from domain.apps.commands import CreateApp, SetConnection
from domain.apps.connection import Connection, secret_context, secret_mark
from domain.core import ids
from domain.gateway.errors import GatewayMisconfigured
from eventlog.security.vault import Vault
from projections.inbox.delivery_evidence import NO_EVIDENCE, DeliveryEvidence
from tests.workers.stripe_harness import Bench
from workers.errors import OperatorError
from workers.polling.run import connection_in_use
from workers.providers.stripe.client import API_VERSION
from workers.providers.stripe.event_types import EVENT_TYPES
from workers.webhooks.registration import WebhookRegistration
from workers.webhooks.webhook_url import webhook_url

BASE = "http://127.0.0.1:9"
STRIPE = "https://api.stripe.com"
MASTER_KEY = "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE="
VAULT = Vault([MASTER_KEY])


@pytest.fixture
def registration(bench: Bench) -> Callable[..., WebhookRegistration]:
    """Make the registration of a connection of the bench's app, which is made on first use."""
    bench.billing.create_app(
        CreateApp(app_id=bench.app_id, name="Tea", slug=f"a{bench.app_id}", actor="t"),
        occurred_at=bench.clock(),
    )

    def make(
        name: str = "main",
        *,
        key: str = bench.account.key,
        evidence: DeliveryEvidence = NO_EVIDENCE,
    ) -> WebhookRegistration:
        if bench.billing.find(Connection, ids.for_connection(bench.app_id, name)) is None:
            set_connection(bench, name, key=key)
        return WebhookRegistration(
            connection_in_use(bench.billing, bench.app_id, name),
            billing=bench.billing,
            vault=VAULT,
            api_base=bench.account.url,
            now=bench.clock,
            evidence=evidence,
        )

    return make


def set_connection(bench: Bench, name: str, *, key: str) -> None:
    context = secret_context(bench.app_id, name)
    command = SetConnection(
        app_id=bench.app_id,
        name=name,
        provider="stripe",
        mode="test",
        sealed_key=VAULT.seal(key, context=context),
        sealed_webhook_secrets=[VAULT.seal("whsec_byHand", context=context)],
        redirect_url="https://tea.example/",
        actor="t",
    )
    bench.billing.set_connection(command, new_connection_id=uuid4(), occurred_at=bench.clock())


def secrets_of(bench: Bench, name: str = "main") -> list[str]:
    known = connection_in_use(bench.billing, bench.app_id, name)
    context = secret_context(bench.app_id, name)
    return [VAULT.open(sealed, context=context) for sealed in known.sealed_webhook_secrets]


def endpoints(bench: Bench) -> list[dict[str, Any]]:
    return [found.to_dict() for found in bench.account.v1.webhook_endpoints.list().data]


def wrong(registration: WebhookRegistration) -> list[str]:
    return [finding.text for finding in registration.check() if finding.remedy is not None]


def test_an_endpoint_is_made_in_our_version_with_our_types_and_its_secret_kept(
    bench: Bench, registration: Callable[..., WebhookRegistration]
) -> None:
    made = registration().register(BASE, renew=False)

    (there,) = endpoints(bench)
    connection = connection_in_use(bench.billing, bench.app_id, "main")
    assert (made.action, made.endpoint, made.secrets) == ("created", there["id"], 2)
    assert there["url"] == made.url == f"{BASE}/webhooks/stripe/{connection.connection_id}"
    assert there["api_version"] == made.version == API_VERSION
    assert there["enabled_events"] == list(EVENT_TYPES)
    new, old = secrets_of(bench)
    assert old == "whsec_byHand"
    assert there["metadata"] == {"billhook_secret": secret_mark(new)}
    assert connection.redirect_url == "https://tea.example/"
    assert wrong(registration()) == []


def test_registering_again_updates_the_endpoint_and_makes_no_second(
    bench: Bench, registration: Callable[..., WebhookRegistration]
) -> None:
    first = registration().register(BASE, renew=False)
    changes: Any = {"enabled_events": ["invoice.paid"], "disabled": True}
    bench.account.v1.webhook_endpoints.update(first.endpoint, changes)
    before = secrets_of(bench)

    again = registration().register(first.url, renew=False)

    (there,) = endpoints(bench)
    assert (again.action, again.endpoint, again.deleted) == ("updated", first.endpoint, [])
    assert (there["status"], there["enabled_events"]) == ("enabled", list(EVENT_TYPES))
    assert secrets_of(bench) == before


def test_an_endpoint_whose_secret_or_version_is_not_ours_is_replaced(
    bench: Bench, registration: Callable[..., WebhookRegistration]
) -> None:
    first = registration().register(BASE, renew=False)
    url: Any = {"url": first.url, "enabled_events": ["invoice.paid"]}
    bench.account.v1.webhook_endpoints.delete(first.endpoint)
    by_hand = bench.account.v1.webhook_endpoints.create(url).id

    replaced = registration().register(BASE, renew=False)

    (there,) = endpoints(bench)
    assert (replaced.action, replaced.deleted) == ("replaced", [by_hand])
    assert there["id"] == replaced.endpoint


def test_renewing_keeps_the_old_secret_beside_the_new_one(
    bench: Bench, registration: Callable[..., WebhookRegistration]
) -> None:
    first = registration().register(BASE, renew=False)
    before = secrets_of(bench)

    renewed = registration().register(BASE, renew=True)

    assert (renewed.action, renewed.deleted) == ("replaced", [first.endpoint])
    assert secrets_of(bench)[1:] == before
    assert [found["id"] for found in endpoints(bench)] == [renewed.endpoint]


def test_no_more_than_ten_secrets_are_kept_and_the_oldest_go(
    bench: Bench, registration: Callable[..., WebhookRegistration]
) -> None:
    for _ in range(10):
        registration().register(BASE, renew=True)
    assert len(secrets_of(bench)) == 10
    assert "whsec_byHand" not in secrets_of(bench)


def test_each_connection_has_an_endpoint_and_a_secret_of_its_own(
    bench: Bench, registration: Callable[..., WebhookRegistration]
) -> None:
    main, second = (registration(name).register(BASE, renew=False) for name in ("main", "second"))
    assert main.url != second.url
    assert len(endpoints(bench)) == 2
    assert secrets_of(bench)[0] != secrets_of(bench, "second")[0]
    assert wrong(registration("main")) == wrong(registration("second")) == []


def test_a_secret_is_stored_before_the_replaced_endpoint_is_deleted(
    bench: Bench, registration: Callable[..., WebhookRegistration]
) -> None:
    first = registration().register(BASE, renew=False)
    bench.account.admin.add_fault(
        "status", path="/v1/webhook_endpoints/*", method="DELETE", times=9
    )
    with pytest.raises(Exception, match="500"):
        registration().register(BASE, renew=True)
    bench.account.admin.drop_faults()
    assert len(endpoints(bench)) == 2

    again = registration().register(BASE, renew=False)

    assert [found["id"] for found in endpoints(bench)] == [again.endpoint]
    assert again.deleted in ([first.endpoint], [again.endpoint])


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"disabled": True}, "is disabled"),
        ({"enabled_events": ["invoice.paid"]}, "does not receive charge.dispute.closed"),
        ({"metadata": {"billhook_secret": "other"}}, "signs with a secret"),
        ({"url": "https://elsewhere.example/"}, "no webhook endpoint at Stripe"),
    ],
    ids=["disabled", "types", "secret", "url"],
)
def test_the_check_reports_each_fault_of_the_endpoint(
    bench: Bench, registration: Callable[..., WebhookRegistration], change: Any, text: str
) -> None:
    made = registration().register(BASE, renew=False)
    bench.account.v1.webhook_endpoints.update(made.endpoint, change)
    (found,) = wrong(registration())
    assert text in found


def test_the_check_reports_another_version(
    bench: Bench, registration: Callable[..., WebhookRegistration]
) -> None:
    made = registration().register(BASE, renew=False)
    bench.account.v1.webhook_endpoints.delete(made.endpoint)
    other: Any = {"url": made.url, "enabled_events": list(EVENT_TYPES)}
    bench.account.v1.webhook_endpoints.create(other)
    (found,) = wrong(registration())
    assert f"has API version None, not {API_VERSION}" in found


def test_the_check_reports_a_refused_key(
    bench: Bench, registration: Callable[..., WebhookRegistration]
) -> None:
    key = f"{bench.account.key}0"
    bench.account.admin.refuse_keys(key)
    (found,) = registration(key=key).check()
    bench.account.admin.refuse_keys()
    assert "rejects our credentials" in found.text
    assert found.remedy is not None


def test_a_key_of_the_other_mode_is_refused_before_it_is_used(
    bench: Bench, registration: Callable[..., WebhookRegistration]
) -> None:
    key = bench.account.key.replace("sk_test_", "sk_live_")
    with pytest.raises(GatewayMisconfigured, match="of live mode") as raised:
        registration("crossed", key=key)
    assert key not in str(raised.value)


def test_results_contain_no_secret(
    bench: Bench, registration: Callable[..., WebhookRegistration]
) -> None:
    made = registration().register(BASE, renew=False)
    output = f"{made} {list(registration().check())}"
    for secret in [bench.account.key, *secrets_of(bench)]:
        assert secret not in output


_REFUSED = [
    ("http://billing.example.com", "https"),
    ("https://10.0.0.7", "public"),
    ("https://billing", "public"),
    ("http://127.0.0.1:8080", "loopback"),
    ("http://localhost", "loopback"),
    ("https://billing.example.com?a=1", "not a URL"),
    ("billing.example.com", "not a URL"),
    (f"https://billing.example.com/webhooks/stripe/{UUID(int=7)}", "another connection's"),
]


def test_a_url_that_stripe_could_not_call_is_refused(
    bench: Bench, registration: Callable[..., WebhookRegistration]
) -> None:
    registration()
    connection = connection_in_use(bench.billing, bench.app_id, "main")
    for base, text in _REFUSED:
        with pytest.raises(OperatorError, match=text):
            webhook_url(base, connection, api_base=STRIPE)


@pytest.mark.parametrize("base", ["https://billing.example.com/", "https://example.com/billing"])
def test_the_url_is_below_that_of_the_installation(
    bench: Bench, registration: Callable[..., WebhookRegistration], base: str
) -> None:
    registration()
    connection = connection_in_use(bench.billing, bench.app_id, "main")
    url = webhook_url(base, connection, api_base=STRIPE)
    assert url == f"{base.rstrip('/')}/webhooks/stripe/{connection.connection_id}"
    assert webhook_url(url, connection, api_base=STRIPE) == url


def test_a_connection_that_is_not_in_use_has_no_endpoint(bench: Bench) -> None:
    with pytest.raises(OperatorError):
        connection_in_use(bench.billing, bench.app_id, "nobody")
