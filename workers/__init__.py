"""Everything that runs on a worker machine.

`worker.py` claims, grades and records; `tasks.py` is the Celery task, and `elsewhere.py` the command that joins a site.
"""
