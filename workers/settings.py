"""Settings of the workers' processes: `BILLHOOK_*`. Read by `__main__` alone."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from pydantic import AwareDatetime, Field, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from eventlog.security.master_keys import MasterKeys


class Settings(BaseSettings):
    """Settings of every worker process."""

    # An error would otherwise show the value, which may be a secret.
    model_config = SettingsConfigDict(
        env_prefix="BILLHOOK_", extra="ignore", hide_input_in_errors=True
    )

    database_url: str
    redis_url: str = "redis://127.0.0.1:6379/0"
    # Only `run`, `poll` and `schedule` use them; `background` is `schedule`, too.
    master_keys: MasterKeys | None = None
    stripe_api_base: str = "https://api.stripe.com"
    # Stripe's own limits; 0 is none.
    stripe_live_calls_per_s: int = Field(default=100, ge=0)
    stripe_test_calls_per_s: int = Field(default=25, ge=0)
    stripe_endpoint_calls_per_s: int = Field(default=25, ge=0)
    mollie_api_base: str = "https://api.mollie.com"
    # Mollie publishes no limit; 0 is none.
    mollie_calls_per_s: int = Field(default=25, ge=0)
    provider_patience_s: float = Field(default=2.0, ge=0, le=10)
    log_format: Literal["json", "console"] = "json"
    threads: int = Field(default=32, ge=1, le=256)
    lookup_threads: int = Field(default=8, ge=1, le=64)
    reconcile: bool = True
    reconcile_threads: int = Field(default=4, ge=1, le=64)
    reconcile_events_every_s: float = Field(default=60.0, gt=0)
    reconcile_open_items_every_s: float = Field(default=60.0, gt=0)
    reconcile_audit_every_h: float = Field(default=24.0, gt=0)
    reconcile_audit_days: int = Field(default=90, ge=1)
    breaker_timeouts: int = Field(default=5, ge=1)
    breaker_probe_s: float = Field(default=10.0, gt=0)
    resend_after_s: float = Field(default=30.0, gt=0)
    body_life_days: int = Field(default=400, ge=30)
    heartbeat_file: Path | None = None
    max_tries: int = Field(default=30, ge=1)
    # Set after a restore: calls since then may be missing in the log.
    restored_backup_at: AwareDatetime | None = None
    public_url: str = "http://127.0.0.1:8000"

    @field_validator("restored_backup_at")
    @classmethod
    def _is_past(cls, backup_at: datetime | None) -> datetime | None:
        """Refuse a time to come: what was made since the real one would not be looked for."""
        if backup_at is not None and backup_at > datetime.now(UTC):
            raise ValueError("is in the future; state the time of the backup, with its offset")
        return backup_at
