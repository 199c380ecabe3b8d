"""One script per peer. Each runs as `python -m benchmarks.peers.NAME WORK RESULT` in the peer's own environment."""
