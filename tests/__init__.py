"""The tests, in folders named like the packages. `tests/conftest.py` has the users that they share."""
