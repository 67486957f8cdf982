"""`billhook import tenants FILE`: each line whole or not at all, and twice is once."""

import json
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from uuid import UUID, uuid4

import pytest
from typer.testing import CliRunner, Result

from cli.apps import apps
from cli.connections import connections
from cli.import_ import imports
from cli.tenants_file import BadFile, RejectedRow, Row, read_rows
from domain.billing import Billing
from domain.core import ids
from domain.tenants.tenant import Tenant
from eventlog import persistence
from eventlog.log import Log
from tests.service.running_service import MASTER_KEY

HEADER = "tenant_uuid,name,email,country,vat_id,customer:stripe-1"
Import = Callable[..., Result]


class Shop:
    """An app with a connection, and what is known of its tenants."""

    def __init__(self, database: str) -> None:
        self.environment = {
            "BILLHOOK_DATABASE_URL": database,
            "BILLHOOK_MASTER_KEYS": MASTER_KEY,
            "BILLHOOK_CONNECTION_KEY": "sk_test_tenants",
            "BILLHOOK_CONNECTION_WEBHOOK_SECRETS": None,
        }
        made = self.run(apps, "create", f"Shop {uuid4().hex}", "--json")
        app = json.loads(made.stdout.splitlines()[-1])
        self.app_id, self.slug = UUID(app["app_id"]), app["slug"]
        assert self.run(connections, "set", app["app_id"], "stripe-1").exit_code == 0
        self.log = Log.open(database)
        persistence.register("shop", self.log)
        self.billing = Billing(
            env={"PERSISTENCE_MODULE": "eventlog.persistence", "EVENTLOG_NAME": "shop"}
        )

    def run(self, group: object, *arguments: str) -> Result:
        return CliRunner().invoke(group, arguments, env=self.environment)  # type: ignore[arg-type]

    def tenant(self, tenant_id: object) -> Tenant | None:
        return self.billing.find(Tenant, ids.for_tenant(self.app_id, UUID(str(tenant_id))))

    def close(self) -> None:
        persistence.register("shop", None)
        self.log.close()


@pytest.fixture
def shop(service_database: str) -> Iterator[Shop]:
    made = Shop(service_database)
    yield made
    made.close()


@pytest.fixture
def bring(shop: Shop, tmp_path: Path) -> Import:
    """Import lines below HEADER; an argument that begins with -- is an option."""

    def bring(*given: str, header: str = HEADER) -> Result:
        file = tmp_path / "tenants.csv"
        lines = [line for line in given if not line.startswith("--")]
        file.write_text("\n".join([header, *lines, ""]))
        options = [option for option in given if option.startswith("--")]
        return shop.run(imports, "tenants", str(file), "--app", shop.slug, *options)

    return bring


def outcomes(ended: Result) -> dict[str, int]:
    pairs = [line.removeprefix("would be ").split() for line in ended.stdout.splitlines()[-4:]]
    return {name: int(count) for name, count in pairs}


def test_tenants_are_imported_with_their_customers_and_a_rerun_changes_nothing(
    shop: Shop, bring: Import
) -> None:
    one, other = uuid4(), uuid4()
    lines = (
        f'{one},"Tea, Ltd",ada@example.com,NL,NL123,cus_{one.hex}',
        f"{other},,,,,",
    )
    assert outcomes(bring(*lines)) == {"new": 2, "changed": 0, "known": 0, "wrong": 0}
    tenant = shop.tenant(one)
    assert tenant is not None
    assert tenant.customers == {"stripe-1": f"cus_{one.hex}"}
    contact_body = json.loads(shop.log.body(bytes.fromhex(tenant.contact_body or "")) or b"")
    assert contact_body == {
        "name": "Tea, Ltd",
        "email": "ada@example.com",
        "country": "NL",
        "vatId": "NL123",
    }
    head = shop.log.head()
    assert outcomes(bring(*lines)) == {"new": 0, "changed": 0, "known": 2, "wrong": 0}
    assert shop.log.head() == head
    changed = bring(lines[0].replace("Ltd", "Inc"))
    assert outcomes(changed) == {"new": 0, "changed": 1, "known": 0, "wrong": 0}


def test_errors_name_line_and_column_and_valid_lines_are_imported(
    shop: Shop, bring: Import
) -> None:
    good, taken = uuid4(), f"cus_{uuid4().hex}"
    assert bring(f"{uuid4()},,,,,{taken}").exit_code == 0
    bad = uuid4()
    ended = bring(
        "tea,,nobody,,,",
        f"{bad},Tea,,Netherlands,,{taken}x y",
        f"{good},Tea,,NL,,",
        f"{bad},Tea,,NL,,{taken}",
        f"{good},Tea again,,NL,,",
        f"{uuid4()},Tea,,NL,,cus_1,more",
    )
    assert ended.exit_code == 1
    assert [line.split(": ")[:2] for line in ended.stderr.splitlines() if "line" in line] == [
        ["line 2", "tenant_uuid"],
        ["line 2", "email"],
        ["line 3", "country"],
        ["line 3", "customer:stripe-1"],
        ["line 5", "customer:stripe-1"],
        ["line 6", "tenant_uuid"],
        ["line 7", "it has more cells than there are columns"],
    ]
    assert outcomes(ended) == {"new": 1, "changed": 0, "known": 0, "wrong": 5}
    assert shop.tenant(good) is not None
    assert shop.tenant(bad) is None


def test_a_dry_run_prints_the_same_and_changes_nothing(shop: Shop, bring: Import) -> None:
    taken, one = f"cus_{uuid4().hex}", uuid4()
    assert bring(f"{uuid4()},,,,,{taken}").exit_code == 0
    head = shop.log.head()
    ended = bring(f"{one},Tea,,,,", f"{uuid4()},Tea,,,,{taken}", "--dry-run")
    assert outcomes(ended) == {"new": 1, "changed": 0, "known": 0, "wrong": 1}
    assert "line 3: customer:stripe-1: is another tenant's customer" in ended.stderr
    assert shop.log.head() == head


@pytest.mark.parametrize(
    ("header", "why"),
    [
        ("name,email", "its first line must name the columns, including tenant_uuid"),
        ("tenant_uuid,phone", "column 'phone' is not known"),
        ("tenant_uuid,name,name", "a column is named twice"),
        ("tenant_uuid;name;email", "its columns are separated by ';': save it with commas"),
        ("tenant_uuid,name,,", "column 3 has no name in the first line"),
        ("tenant_uuid,customer:other", "the app has no connection 'other'"),
    ],
    ids=["no_id", "unknown", "twice", "semicolons", "no_name", "no_connection"],
)
def test_a_header_that_is_none_is_refused_at_once(bring: Import, header: str, why: str) -> None:
    ended = bring(f"{uuid4()},x,y", header=header)
    assert ended.exit_code == 1
    assert why in ended.stderr


def test_a_column_that_the_file_lacks_leaves_what_is_known(shop: Shop, bring: Import) -> None:
    one = uuid4()
    bring(f"{one},Tea,ada@example.com,NL,NL123,")
    again = bring(f"{one},cus_{one.hex}", header="tenant_uuid,customer:stripe-1")
    assert outcomes(again) == {"new": 0, "changed": 1, "known": 0, "wrong": 0}
    tenant = shop.tenant(one)
    assert tenant is not None
    contact = json.loads(shop.log.body(bytes.fromhex(tenant.contact_body or "")) or b"")
    assert contact == {"name": "Tea", "email": "ada@example.com", "country": "NL", "vatId": "NL123"}
    assert tenant.customers == {"stripe-1": f"cus_{one.hex}"}
    emptied = bring(f"{one},", header="tenant_uuid,email")
    assert outcomes(emptied) == {"new": 0, "changed": 1, "known": 0, "wrong": 0}
    tenant = shop.tenant(one)
    assert tenant is not None
    contact = json.loads(shop.log.body(bytes.fromhex(tenant.contact_body or "")) or b"")
    assert contact == {"name": "Tea", "email": None, "country": "NL", "vatId": "NL123"}
    assert tenant.customers == {"stripe-1": f"cus_{one.hex}"}


def test_a_long_file_is_read_line_by_line() -> None:
    given: list[int] = []

    def lines() -> Iterator[str]:
        yield "tenant_uuid,name\n"
        for number in range(100_000):
            given.append(number)
            yield f"{UUID(int=number)},Tea\n"

    rows = read_rows(lines(), connections=[])
    assert [type(next(rows)) for _ in range(3)] == [Row, Row, Row]
    assert len(given) == 3


@pytest.mark.parametrize(
    "lines",
    [["tenant_uuid\n", 'a"b"\n', '"open\n'], []],
    ids=["unclosed", "empty"],
)
def test_a_file_that_is_no_csv_is_rejected(lines: Iterable[str]) -> None:
    with pytest.raises(BadFile):
        assert all(isinstance(row, RejectedRow) for row in read_rows(lines, connections=[]))
