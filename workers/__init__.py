"""Everything that runs on a worker machine."""
