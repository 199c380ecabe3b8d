from tests.api.conftest import ada_api, open_api

__all__ = ["ada_api", "open_api"]
