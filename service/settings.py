from pathlib import Path
from typing import Literal, Self
from uuid import UUID

from pydantic import Field, SecretStr, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from eventlog.security.master_keys import MasterKeys, split_keys
from service.oidc.urls import is_secure_url

KIB = 1024
LONGEST_HEAD_BYTES = 64 * KIB


class Settings(BaseSettings):
    """Settings from BILLHOOK_<NAME> variables. Only `__main__` creates them without arguments."""

    # An error of all settings together would otherwise show them, with the secrets.
    model_config = SettingsConfigDict(
        env_prefix="BILLHOOK_", extra="ignore", frozen=True, hide_input_in_errors=True
    )

    host: str = "127.0.0.1"
    port: int = Field(8080, ge=0, le=65535)
    processes: int = Field(1, ge=1, le=64)
    database_url: SecretStr
    master_keys: MasterKeys
    """Separated by commas; the first encrypts, all decrypt."""
    public_url: str = "http://127.0.0.1:8080"
    log_format: Literal["json", "console"] = "json"
    log_level: Literal["debug", "info"] = "info"
    """`debug` also logs a line for each accepted delivery and request."""

    wait_default_s: float = Field(10, ge=0)
    """Time that a POST waits for its outcome without a `Prefer` header."""
    wait_charged_s: float = Field(30, ge=0)
    """The same for the dialects whose response is the charged invoice."""
    wait_max_s: float = Field(60, ge=0)
    min_position_wait_s: float = Field(5, ge=0)
    lookup_timeout_s: float = Field(5, gt=0, le=30)
    """Time-out of a provider's answer to a lookup."""
    body_limit_bytes: int = Field(256 * KIB, ge=1)
    json_depth_limit: int = Field(10, ge=1, le=100)
    """Maximum nesting depth of a body."""
    json_fields_limit: int = Field(5_000, ge=1)
    """Maximum number of values in a body, at all levels together."""
    header_limit_bytes: int = Field(16 * KIB, ge=KIB, le=LONGEST_HEAD_BYTES)
    """Maximum size of a request's line and headers."""
    body_timeout_s: float = Field(20, gt=0)
    """Time-out for receiving a body."""
    request_timeout_s: float = Field(90, gt=0)
    """Time-out until a response starts; more than any wait."""
    webhook_body_limit_bytes: int = KIB * KIB
    signature_tolerance_s: int = 300
    hints_per_minute: int = Field(600, ge=1)
    """Unsigned webhooks of one connection that each process of the API processes."""
    webhooks_per_minute: int = Field(60_000, ge=1)
    """Signed webhooks of one connection that each process of the API admits."""
    webhook_bytes_per_day: int = Field(4 * KIB * KIB * KIB, ge=1)
    """Bytes of signed webhooks of one connection that each process of the API admits."""
    rate_limit_per_minute: int = Field(60_000, ge=1)
    """Requests of one key, or one tenant's tokens, that each process of the API admits."""
    app_rate_limit_per_minute: int = Field(120_000, ge=1)
    """Requests of one app, over all its keys and tokens, that each process of the API admits."""
    failed_lookups_per_minute: int = Field(60, ge=1)
    """Wrong keys and tokens of one peer that each process of the API looks up."""
    trusted_proxies: str = ""
    """Addresses and networks, separated by commas, whose X-Forwarded-For names the peer."""
    sign_ins_per_minute: int = Field(20, ge=1)
    """Attempts of one address to sign in to the dashboard that each process of the API admits."""
    access_max_age_s: float = 5.0
    """Keys that could not be verified for this time are rejected."""
    access_start_wait_s: float = 3.0
    """Time that a starting process waits until it can verify keys."""
    stop_timeout_s: int = 10
    dashboard_host: str = "127.0.0.1"
    dashboard_port: int | None = Field(None, ge=0, le=65535)
    """A port that serves the dashboard alone; the public port then does not."""
    dashboard_url: str = ""
    """URL under which browsers reach the dashboard; the public URL by default."""
    oidc_issuer: str = ""
    """Issuer of OpenID Connect whose people may sign in to the dashboard; none by default."""
    oidc_client_id: str = ""
    oidc_client_secret: SecretStr | None = None
    oidc_scopes: str = "openid"
    oidc_roles_claim: str = "groups"
    """Claim of the ID token with a person's groups or roles, or the path to it."""
    oidc_roles: dict[str, dict[UUID, Literal["read", "admin"]]] = {}
    """Roles by app, by value of that claim."""
    oidc_person_claim: str = "sub"
    """Claim that names the person in the log, which is never erased."""
    oidc_label: str = Field("single sign-on", min_length=1, max_length=60)
    """Name of the issuer on the sign-in page."""
    oidc_timeout_s: float = Field(5, gt=0, le=30)
    metrics_host: str = "127.0.0.1"
    metrics_port: int | None = Field(None, ge=0, le=65535)
    """A port that serves `/metrics` alone; the public port then does not."""
    metrics_max_age_s: float = Field(3, ge=0)
    """Age of the gauges that are read from the database."""
    metrics_folder: Path | None = None
    """Folder of the worker processes' counters; set by `__main__`."""

    @model_validator(mode="after")
    def _check_oidc(self) -> Self:
        """Refuse settings with which nobody could sign in, or not safely."""
        if not self.oidc_issuer:
            return self
        if not is_secure_url(self.oidc_issuer):
            raise ValueError("BILLHOOK_OIDC_ISSUER must be an https URL")
        if self.dashboard_port is not None and not self.dashboard_url:
            raise ValueError("BILLHOOK_DASHBOARD_URL is required with BILLHOOK_DASHBOARD_PORT")
        if not is_secure_url(self.dashboard_base_url):
            raise ValueError("BILLHOOK_DASHBOARD_URL or BILLHOOK_PUBLIC_URL must be an https URL")
        if not self.oidc_client_id or not self.oidc_roles:
            raise ValueError("BILLHOOK_OIDC_CLIENT_ID and BILLHOOK_OIDC_ROLES are required")
        if "openid" not in self.oidc_scopes.split():
            raise ValueError("BILLHOOK_OIDC_SCOPES must have openid")
        return self

    @property
    def dashboard_base_url(self) -> str:
        """Return the URL of the dashboard without its path."""
        return (self.dashboard_url or self.public_url).rstrip("/")

    def master_key_list(self) -> list[str]:
        """Return the master keys in order."""
        return split_keys(self.master_keys.get_secret_value())
