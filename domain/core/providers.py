"""Providers and modes that a connection can have."""

from __future__ import annotations

from typing import Literal

Provider = Literal["stripe", "mollie"]


Mode = Literal["live", "test"]
