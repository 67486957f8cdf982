import json
import os
import subprocess
import sys
from pathlib import Path

import psycopg
import pytest
from cryptography.fernet import Fernet
from typer.main import get_group
from typer.testing import CliRunner, Result

from cli.local.files import save_settings
from cli.local.process import InstanceLock
from cli.main import COMMANDS, command_line
from eventlog.follow.leader import leader_key
from projections.operations.system_state import LEADERS
from projections.registry import PROJECTIONS

DEMO = {
    "base_url": "http://127.0.0.1:1",
    "write_key": "bh_write_a b'c",
    "prices": {"one_time": "price_1"},
    "webhook_urls": {"stripe-test": "http://127.0.0.1:1/webhooks/x"},
    "mollie_connection": None,
}


@pytest.fixture(autouse=True)
def _no_settings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Remove settings of the developer's shell from the environment."""
    for name in [name for name in os.environ if name.startswith("BILLHOOK_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("BILLHOOK_DATA_DIR", str(tmp_path))


def billhook(*arguments: str, env: dict[str, str] | None = None) -> Result:
    return CliRunner().invoke(command_line(arguments[0]), arguments, env=env)


def test_the_help_lists_every_command_and_imports_none() -> None:
    program = "import sys; from cli.main import main\n"
    program += "try:\n    main()\nfinally:\n"
    program += "    print(*(name for name in sys.modules if name.startswith(('cli.', 'workers'))))"
    command = [sys.executable, "-c", program, "--help"]
    ended = subprocess.run(command, capture_output=True, text=True, check=True)
    *shown, imported = ended.stdout.splitlines()
    assert imported == "cli.main"
    for name, known in COMMANDS.items():
        assert any(name in line and known.help[:40] in line for line in shown), name


def test_the_listed_help_of_a_command_is_its_own() -> None:
    group = get_group(command_line())
    listed = {
        name: (command.help or "").splitlines()[0] for name, command in group.commands.items()
    }
    assert listed == {name: command.help for name, command in COMMANDS.items()}


def test_demo_env_can_be_evaluated_by_a_shell(tmp_path: Path) -> None:
    (tmp_path / "demo.json").write_text(json.dumps(DEMO))
    printed = billhook("demo", "env").output
    script = f"{printed}\nprintf '%s|' "
    script += '"$BILLHOOK_DEMO_WRITE_KEY" "$BILLHOOK_DEMO_PRICES_ONE_TIME" '
    script += '"$BILLHOOK_DEMO_WEBHOOK_URLS_STRIPE_TEST" "${BILLHOOK_DEMO_MOLLIE_CONNECTION-none}"'
    shell = subprocess.run(["sh", "-euc", script], capture_output=True, text=True, check=True)
    expected = ["bh_write_a b'c", "price_1", "http://127.0.0.1:1/webhooks/x", "none", ""]
    assert shell.stdout.split("|") == expected


def test_demo_env_before_the_first_up_names_the_command_to_run() -> None:
    result = billhook("demo", "env")
    assert result.exit_code == 1
    assert "billhook up" in result.output


def test_migrate_prints_its_migrations_and_can_be_repeated(empty_database: str) -> None:
    environment = {"BILLHOOK_DATABASE_URL": empty_database}
    first = billhook("migrate", env=environment)
    assert "migrated: eventlog/0001" in first.output
    assert billhook("migrate", env=environment).output == "nothing to migrate\n"


def test_migrate_and_doctor_refuse_a_database_of_an_older_development_version(
    database: str,
) -> None:
    with psycopg.connect(database) as connection:
        connection.execute(
            "UPDATE eventlog.migrations SET title = 'generations', sha256 = sha256('older')"
            " WHERE component = 'projections' AND number = 1"
        )
    for command in ("migrate", "doctor"):
        result = billhook(command, env={"BILLHOOK_DATABASE_URL": database})
        assert result.exit_code == 1
        assert "made by an older development version" in result.output
        assert "create an empty database" in result.output


def test_migrate_without_a_database_prints_a_remedy() -> None:
    result = billhook("migrate")
    assert result.exit_code == 1
    assert "BILLHOOK_DATABASE_URL" in result.output


def test_an_unreachable_database_is_no_traceback_and_shows_no_password() -> None:
    url = "postgresql://billhook:s3cret@127.0.0.1:1/billhook"
    result = billhook("migrate", env={"BILLHOOK_DATABASE_URL": url})
    assert result.exit_code == 1
    assert "can't be reached" in result.output
    assert "s3cret" not in result.output


def test_commands_find_the_system_that_runs_here(tmp_path: Path, empty_database: str) -> None:
    save_settings(tmp_path, {"BILLHOOK_DATABASE_URL": empty_database})
    # In a process of its own: the command takes the settings into its environment.
    command = [sys.executable, "-m", "cli", "migrate"]
    result = subprocess.run(command, capture_output=True, text=True, check=True)
    assert "migrated: eventlog/0001" in result.stdout


def test_a_second_up_on_the_same_folder_is_refused(tmp_path: Path) -> None:
    lock = InstanceLock(tmp_path / "up.lock")
    lock.acquire()
    command = [sys.executable, "-m", "cli", "up", "--port", "0", "--sandbox-port", "0"]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    lock.release()
    assert result.returncode == 1
    assert f"in use by another process (pid {os.getpid()})" in result.stderr


def test_doctor_names_all_that_is_wrong_and_how_to_mend_it() -> None:
    result = billhook("doctor", env={"BILLHOOK_MASTER_KEYS": "not-a-key"})
    assert result.exit_code == 1
    assert "billhook up" in result.output
    assert "master key 1 is not" in result.output
    assert "not-a-key" not in result.output


def test_doctor_is_content_with_a_whole_system(database: str, redis_url: str) -> None:
    environment = {
        "BILLHOOK_DATABASE_URL": database,
        "BILLHOOK_REDIS_URL": redis_url,
        "BILLHOOK_MASTER_KEYS": Fernet.generate_key().decode(),
        "BILLHOOK_PUBLIC_URL": "http://127.0.0.1:8080",
    }
    result = billhook("doctor", env=environment)
    assert "no process runs: access, apply," in result.output
    assert result.exit_code == 1
    with psycopg.connect(database, autocommit=True) as leaders:
        # As the processes hold them.
        for name in (*LEADERS, *(f"{projection}_g1" for projection in PROJECTIONS)):
            leaders.execute("SELECT pg_advisory_lock(%s)", [leader_key(name)])
        result = billhook("doctor", env=environment)
    assert "WRONG" not in result.output, result.output
    assert result.exit_code == 0
    assert "each connection has its own session" in result.output
    assert "no connection's circuit breaker is open" in result.output

    with psycopg.connect(database, autocommit=True) as session:
        session.execute(
            "INSERT INTO work.breakers VALUES (gen_random_uuid(), 'silent', 7, now(), now())"
        )
    result = billhook("doctor", env=environment)
    assert result.exit_code == 1
    assert "connection silent of app" in result.output
    assert "7 time-outs in a row" in result.output
