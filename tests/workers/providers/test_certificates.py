"""Calls over TLS: a provider whose certificate does not prove its name is sent nothing."""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from domain.gateway.errors import GatewayUnavailable
from tests.support.wait_until import DEADLINE_S
from workers.providers.curl_connections import CurlConnections, NoAnswerError
from workers.providers.mollie.client import MollieClients
from workers.providers.stripe.client import call_stripe, open_client

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"
NOW = datetime.now(UTC)


@dataclass
class TlsServer:
    """What a server was sent, decrypted."""

    url: str
    certificate: Path
    received: list[bytes] = field(default_factory=list)


def certificate(folder: Path, *, name: str, ends_at: datetime) -> Path:
    """Write a self-signed certificate of a host name with its key; both are in one file."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(NOW - timedelta(days=2))
        .not_valid_after(ends_at)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    file = folder / "certificate.pem"
    private = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    file.write_bytes(private + made.public_bytes(serialization.Encoding.PEM))
    return file


@contextmanager
def serving(file: Path) -> Iterator[TlsServer]:
    """Accept one connection on `localhost`, and answer its first request."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(file)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        server = TlsServer(f"https://localhost:{listener.getsockname()[1]}", file)

        def serve() -> None:
            accepted, _ = listener.accept()
            with (
                accepted,
                suppress(ssl.SSLError, ConnectionError),
                context.wrap_socket(accepted, server_side=True) as connection,
            ):
                server.received.append(connection.recv(65536))
                connection.sendall(OK)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield server
        thread.join(DEADLINE_S)
        assert not thread.is_alive()


def get(server: TlsServer, *, authority: Path) -> bytes:
    connections = CurlConnections(ca_path=str(authority), timeout_s=20)
    answer = connections.request("GET", f"{server.url}/a", {"Key": "k"}, None, proxy_url="")
    connections.close()
    return answer.content


def test_a_certificate_of_a_known_authority_is_accepted(tmp_path: Path) -> None:
    file = certificate(tmp_path, name="localhost", ends_at=NOW + timedelta(days=1))
    with serving(file) as server:
        assert get(server, authority=file) == b"{}"
    assert server.received[0].startswith(b"GET /a HTTP/1.1\r\n")


@pytest.mark.parametrize(
    ("name", "ends_at"),
    [("elsewhere.example", NOW + timedelta(days=1)), ("localhost", NOW - timedelta(days=1))],
    ids=["of another name", "expired"],
)
def test_a_certificate_that_does_not_fit_is_refused(
    tmp_path: Path, name: str, ends_at: datetime
) -> None:
    file = certificate(tmp_path, name=name, ends_at=ends_at)
    with serving(file) as server, pytest.raises(NoAnswerError, match="certificate") as raised:
        get(server, authority=file)
    assert server.received in ([], [b""])
    assert not raised.value.is_maybe_not_sent, "the next try finds the same certificate"


def of_stripe(url: str) -> None:
    client = open_client("sk_test_notToBeSeen", api_base=url)
    call_stripe(lambda: client.v1.prices.retrieve("price_1"))


def of_mollie(url: str) -> None:
    MollieClients("test_" + "notToBeSeen" * 3, api_base=url).for_thread().customers.get("cst_1")


@pytest.mark.parametrize("call", [of_stripe, of_mollie])
def test_a_self_signed_certificate_is_refused_by_each_client(
    tmp_path: Path, call: Callable[[str], None]
) -> None:
    file = certificate(tmp_path, name="localhost", ends_at=NOW + timedelta(days=1))
    with serving(file) as server, pytest.raises(GatewayUnavailable, match="certificate") as raised:
        call(server.url)
    assert server.received in ([], [b""])
    assert "notToBeSeen" not in str(raised.value)
