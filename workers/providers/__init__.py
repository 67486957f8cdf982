"""The gateways: the only place that knows the providers' SDKs."""
