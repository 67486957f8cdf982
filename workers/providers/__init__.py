"""Gateways to the providers; only this package imports their SDKs."""
