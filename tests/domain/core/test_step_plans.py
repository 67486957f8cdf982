from dataclasses import fields

from domain.core.steps import StepPlan, StepRecord
from domain.invoices.step_plans import CapturePlan, DeclinedPlan
from tests.domain.given import moment


def recorded(plan: dict[str, str]) -> StepRecord:
    return StepRecord("step", 1, "key", moment(1), plan)


def test_a_plan_is_held_as_texts_without_what_it_lacks_and_read_back() -> None:
    declined = DeclinedPlan(id="pi_1", amount=1999, code="card_declined")
    stored = declined.to_fields()
    assert stored == {"id": "pi_1", "amount": "1999", "code": "card_declined"}
    assert DeclinedPlan.of(recorded(stored)) == declined


def test_every_invoice_plan_reads_what_it_writes() -> None:
    kinds = [
        kind for kind in StepPlan.__subclasses__() if kind.__module__ == CapturePlan.__module__
    ]
    assert len(kinds) > 1
    for kind in kinds:
        values = {one.name: 7 if one.type == "int" else f"{one.name}_1" for one in fields(kind)}
        plan = kind(**values)
        assert kind.of(recorded(plan.to_fields())) == plan, kind


def test_fields_of_a_later_version_are_left_out() -> None:
    stored = {"payment": "pi_1", "amount_minor": "500", "currency": "eur", "reason": "later"}
    plan = CapturePlan(payment="pi_1", amount_minor=500, currency="eur")
    assert CapturePlan.of(recorded(stored)) == plan
