"""Call the admin API for actions of Stripe's dashboard and of banks."""

from __future__ import annotations

from typing import Any

from tests.support.admin_client import AdminClient

Json = dict[str, Any]


class Dashboard(AdminClient):
    """The part of an admin client that acts outside of the API: no key, no metadata of ours."""

    def _act(self, path: str, /, **given: object) -> Json:
        body = {name: value for name, value in given.items() if value is not None}
        return self._call("POST", f"/{path}", body)

    def pay_out_of_band(self, invoice: str) -> Json:
        """Marks an invoice as paid elsewhere."""
        return self._object("invoice", f"invoices/{invoice}/pay_out_of_band")

    def void(self, invoice: str) -> Json:
        """Voids an invoice."""
        return self._object("invoice", f"invoices/{invoice}/void")

    def mark_uncollectible(self, invoice: str) -> Json:
        """Mark an invoice uncollectible."""
        return self._object("invoice", f"invoices/{invoice}/mark_uncollectible")

    def overpay(self, invoice: str, *, amount: int | None = None) -> Json:
        """Pays a paid invoice once more, as its customer could."""
        return self._object("invoice", f"invoices/{invoice}/overpay", amount=amount)

    def refund(self, of: str, *, amount: int | None = None) -> Json:
        """Refunds by hand what an invoice, payment intent or charge brought in."""
        names = {"in_": "invoice", "pi_": "payment_intent", "ch_": "charge", "py_": "charge"}
        return self._object("refund", "refunds", amount=amount, **{names[of[:3]]: of})

    def succeed_refund(self, refund: str) -> Json:
        """Makes a pending refund succeed."""
        return self._object("refund", f"refunds/{refund}/succeed")

    def fail_refund(self, refund: str, *, reason: str | None = None) -> Json:
        """Makes a refund fail, also one that succeeded."""
        return self._object("refund", f"refunds/{refund}/fail", reason=reason)

    def ask_for_refund_details(self, refund: str) -> Json:
        """Makes a pending refund require action by its customer."""
        return self._object("refund", f"refunds/{refund}/require_action")

    def cancel_refund(self, refund: str) -> Json:
        """Stops a refund that did not leave."""
        return self._object("refund", f"refunds/{refund}/cancel")

    def dispute(
        self,
        of: str,
        *,
        amount: int | None = None,
        reason: str | None = None,
        status: str | None = None,
    ) -> Json:
        """Opens a dispute of what a charge, payment intent or invoice brought in."""
        path = f"charges/{of}/dispute"
        return self._object("dispute", path, amount=amount, reason=reason, status=status)

    def decide_dispute(self, dispute: str, verdict: str) -> Json:
        """Ends a dispute (win, lose, close_warning) or makes an inquiry one (escalate)."""
        return self._object("dispute", f"disputes/{dispute}/{verdict}")

    def set_billing(self, *, after_retries: str) -> Json:
        """Sets the effect of a subscription's last failed attempt: cancel, unpaid or past_due."""
        return self._act("billing", after_retries=after_retries)

    def make_invoice(self, customer: str, *, amount: int, **given: object) -> Json:
        """Makes a one-off invoice by hand (currency, description, collect: now, later or send)."""
        path = "dashboard/invoices"
        return self._object("invoice", path, customer=customer, amount=amount, **given)

    def make_subscription(self, customer: str, price: str, **given: object) -> Json:
        """Makes a subscription by hand (quantity, trial_days)."""
        path = "dashboard/subscriptions"
        return self._object("subscription", path, customer=customer, price=price, **given)

    def revise(self, invoice: str, **given: object) -> Json:
        """Replaces an open invoice by a revision (amount of a further line, description)."""
        return self._object("invoice", f"invoices/{invoice}/revise", **given)

    def edit_customer(self, customer: str, **given: object) -> Json:
        """Updates a customer's name or email by hand."""
        return self._object("customer", f"dashboard/customers/{customer}", **given)

    def delete_customer(self, customer: str) -> Json:
        """Deletes a customer by hand."""
        return self._object("customer", f"dashboard/customers/{customer}/delete")

    def schedule(self, subscription: str, **given: object) -> Json:
        """Puts a subscription under a schedule (price of the next period, end_behavior)."""
        return self._object("schedule", f"dashboard/subscriptions/{subscription}/schedule", **given)

    def use(self, item: str, quantity: int) -> Json:
        """Reports the units of a metered subscription item since its last invoice."""
        path = f"subscription_items/{item}/usage"
        return self._object("subscription_item", path, quantity=quantity)

    def make_history(self, invoices: int, **given: object) -> Json:
        """Makes past invoices (customers, since, until, currency, failed, refunded, seed)."""
        return self._act("history", invoices=invoices, **given)

    def _object(self, kind: str, path: str, /, **given: object) -> Json:
        found: Json = self._act(path, **given)[kind]
        return found
