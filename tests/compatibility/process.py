"""A process of its own with a data folder of its own, in which Django is set up for a recorded site."""

from __future__ import annotations

import os
from pathlib import Path

HERE = Path(__file__).resolve()
OURS = ("GRADUS_", "OPENAI_", "EMAIL_")
# Receipts are signed with it, and it draws in which order two answers are shown. A site keeps it when it is updated.
SECRET_KEY = "a key of recorded sites alone, which are thrown away at once"


def environment(site: Path, database: str = "") -> dict[str, str]:
    """Variables for a site whose data lie in the folder `site`, on SQLite unless `database` is an address."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(OURS)}
    return kept | {
        "DJANGO_SETTINGS_MODULE": "gradus.settings",
        "PYTHONPATH": os.pathsep.join(map(str, (HERE.parents[2] / "platform", HERE.parents[2]))),
        "GRADUS_DATA_DIR": str(site),
        "DATABASE_URL": database or f"sqlite:///{site}/gradus.sqlite3",
        "REDIS_URL": "",
        "GRADUS_SECRET_KEY": SECRET_KEY,
        "GRADUS_LOG_LEVEL": "ERROR",
        "GRADUS_AUDIT_SHARE": "0",
        "GRADUS_AUDIT_SHARE_NEW": "0",
    }


def begin() -> None:
    """Sets up Django as tests have it: plain names of static files, and no mail that leaves."""
    import django
    from django.conf import settings
    from django.test.utils import setup_test_environment

    django.setup()
    setup_test_environment()
    plain = {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}
    settings.STORAGES = {**settings.STORAGES, "staticfiles": plain}
