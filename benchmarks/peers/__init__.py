"""The peers: `catalogue` names them, and `child` runs one.

The other modules are one script per peer. Each runs as `python -m benchmarks.peers.NAME WORK RESULT` in the peer's own
environment.
"""
