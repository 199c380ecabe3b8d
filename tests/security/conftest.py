from tests.api.conftest import ada_api

__all__ = ["ada_api"]
