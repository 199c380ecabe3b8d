"""What version 0.2.0 stored and answered stays valid in every later version.

Each folder `release_*` is a recording of one release: bundles, payloads, a site's database with its private files, and
calls with their answers. `record.py` makes it, and `test_releases.py` holds the current code to each of them.
"""
