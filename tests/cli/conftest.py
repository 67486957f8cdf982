from tests.service.conftest import service, service_database, shop

__all__ = ["service", "service_database", "shop"]
