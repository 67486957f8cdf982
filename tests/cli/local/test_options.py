import socket
import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest
import typer
from cryptography.fernet import Fernet
from typer.testing import CliRunner

from cli.local.children import demo_environment, system_environment
from cli.local.files import delete_settings, master_keys, save_settings, saved_settings
from cli.local.options import (
    MOLLIE,
    STRIPE,
    ReservedPort,
    UpError,
    UpOptions,
    keys_by_variable,
)
from cli.up import up


def options(
    *,
    stripe_api_base: str | None = None,
    stripe_key: str | None = None,
    port: int = 0,
    sandbox_port: int = 0,
    environment: Mapping[str, str] | None = None,
) -> UpOptions:
    return UpOptions(
        data_dir=Path("unused"),
        port=port,
        sandbox_port=sandbox_port,
        processes=1,
        as_json=False,
        stripe=replace(STRIPE, api_base=stripe_api_base, key=stripe_key),
        mollie=MOLLIE,
        environment=environment or {},
    )


def settings_of(chosen: UpOptions) -> dict[str, str]:
    return system_environment(
        chosen,
        database_url="postgresql://d",
        redis_url="unix://r",
        master_keys="k",
        port=1234,
        sandbox_url="http://127.0.0.1:99",
    )


def test_a_live_key_is_refused_and_not_repeated() -> None:
    with pytest.raises(UpError, match="BILLHOOK_DEMO_STRIPE_KEY must be a test key") as refused:
        options(stripe_key="sk_live_secret").check()
    assert "secret" not in str(refused.value)


@pytest.mark.parametrize(
    ("key", "public_url", "polls"),
    [(None, None, False), ("sk_test_1", None, True), ("sk_test_1", "https://tea.example", False)],
    ids=["sandbox", "key_alone", "reachable"],
)
def test_stripe_is_polled_where_a_key_is_given_and_nobody_can_call(
    *, key: str | None, public_url: str | None, polls: bool
) -> None:
    environment = {"BILLHOOK_PUBLIC_URL": public_url} if public_url else {}
    assert options(stripe_key=key, environment=environment).polls_stripe is polls


def test_mollie_is_polled_likewise() -> None:
    chosen = options()
    keyed = replace(chosen, mollie=replace(chosen.mollie, key="test_1234567890"))
    reachable = replace(keyed, environment={"BILLHOOK_PUBLIC_URL": "https://tea.example"})
    assert [one.polls_mollie for one in (chosen, keyed, reachable)] == [False, True, False]


def test_another_stand_in_needs_a_key() -> None:
    with pytest.raises(UpError, match="--stripe-api-base needs BILLHOOK_DEMO_STRIPE_KEY"):
        options(stripe_api_base="http://127.0.0.1:1").check()


def test_keys_from_standard_input_belong_to_the_provider_of_their_prefix() -> None:
    assert keys_by_variable(["test_abcdef", "rk_test_1"]) == {
        "BILLHOOK_DEMO_MOLLIE_KEY": "test_abcdef",
        "BILLHOOK_DEMO_STRIPE_KEY": "rk_test_1",
    }
    assert keys_by_variable([]) == {}


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        (["sk_live_secret"], "line 1 is no test key"),
        (["sk_test_1", "sk_test_secret"], "line 2 is a second key of stripe"),
    ],
)
def test_other_lines_on_standard_input_are_refused_and_not_repeated(
    keys: list[str], message: str
) -> None:
    with pytest.raises(ValueError, match=message) as refused:
        keys_by_variable(keys)
    assert "secret" not in str(refused.value)


def test_api_and_sandbox_can_not_share_a_port() -> None:
    with pytest.raises(UpError, match="--port and --sandbox-port"):
        options(port=5000, sandbox_port=5000).check()


def test_a_taken_port_is_named_with_its_option() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(UpError, match=rf"port {port} .* --sandbox-port"):
            ReservedPort(port, option="--sandbox-port")


def test_port_0_is_any_free_one_that_nobody_else_gets_until_its_server_starts() -> None:
    reserved = [ReservedPort(0, option="--port") for _ in range(20)]
    numbers = {one.number for one in reserved}
    assert len(numbers) == len(reserved)
    # Linux takes the ports of outgoing connections from 32768 on.
    assert max(numbers) < 32_768
    for one in reserved:
        with (
            pytest.raises(OSError, match="in use"),
            socket.create_server(("127.0.0.1", one.number)),
        ):
            pass
        one.release()
        with socket.create_server(("127.0.0.1", one.number)):
            pass
        one.close()


def test_a_port_is_kept_for_its_server_while_that_starts() -> None:
    reserved = ReservedPort(0, option="--port")
    reserved.release()
    address = ("127.0.0.1", reserved.number)
    if sys.platform == "linux":
        with socket.socket() as chosen_by_another, pytest.raises(OSError, match="in use"):
            chosen_by_another.bind(address)

    with socket.create_server(address) as server:
        reserved.close()
        with socket.create_connection(address) as connected, server.accept()[0] as accepted:
            connected.sendall(b"x")
            assert accepted.recv(1) == b"x"


def test_the_sandbox_is_both_providers_by_default() -> None:
    settings = settings_of(options())
    assert settings["BILLHOOK_STRIPE_API_BASE"] == "http://127.0.0.1:99"
    assert settings["BILLHOOK_MOLLIE_API_BASE"] == "http://127.0.0.1:99"


def test_a_key_alone_means_the_providers_own_test_mode() -> None:
    chosen = options(stripe_key="sk_test_x")
    assert "BILLHOOK_STRIPE_API_BASE" not in settings_of(chosen)
    assert demo_environment(chosen, sandbox_url="http://s")["BILLHOOK_DEMO_STRIPE_KEY"] == (
        "sk_test_x"
    )
    assert chosen.needs_sandbox  # for Mollie


def test_another_stand_in_is_used_as_given() -> None:
    chosen = options(stripe_key="sk_test_x", stripe_api_base="http://127.0.0.1:1")
    assert settings_of(chosen)["BILLHOOK_STRIPE_API_BASE"] == "http://127.0.0.1:1"


def test_the_public_url_is_the_operators_where_given() -> None:
    given = options(environment={"BILLHOOK_PUBLIC_URL": "https://tunnel.example.com"})
    assert settings_of(given)["BILLHOOK_PUBLIC_URL"] == "https://tunnel.example.com"
    assert settings_of(options())["BILLHOOK_PUBLIC_URL"] == "http://127.0.0.1:1234"


def test_the_master_key_is_made_once_and_private(tmp_path: Path) -> None:
    key = master_keys(tmp_path)
    Fernet(key)
    assert master_keys(tmp_path) == key
    assert (tmp_path / "master.key").stat().st_mode & 0o777 == 0o600


def test_settings_are_stored_privately_until_deleted(tmp_path: Path) -> None:
    settings = {"BILLHOOK_DATABASE_URL": "postgresql://u:it's a pass@h/d", "BILLHOOK_X": ""}
    save_settings(tmp_path, settings)
    assert saved_settings(tmp_path) == settings
    assert (tmp_path / "settings.env").stat().st_mode & 0o777 == 0o600
    delete_settings(tmp_path)
    assert saved_settings(tmp_path) == {}


def test_a_live_key_on_standard_input_starts_nothing(tmp_path: Path) -> None:
    command = typer.Typer()
    command.command()(up)
    arguments = ["--keys-from-stdin", "--data-dir", str(tmp_path / "data")]
    ended = CliRunner().invoke(command, arguments, input="sk_live_secret\n")
    assert ended.exit_code == 1
    assert "line 1 is no test key" in ended.output
    assert "secret" not in ended.output
    assert not (tmp_path / "data").exists()
