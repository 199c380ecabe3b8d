"""The roles of workers are made once for all files here that use them."""

from tests.postgres.roles import passwords

__all__ = ["passwords"]
