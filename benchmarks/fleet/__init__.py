"""Many machines, rehearsed: hosts as network namespaces of one machine. `python -m benchmarks.fleet` as root."""
