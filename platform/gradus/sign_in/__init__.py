"""Sign-in with the account of a school, by OpenID Connect.

`configuration.py` reads the providers, `adapter.py` decides whose account it is, `asking.py` asks a provider.
"""
