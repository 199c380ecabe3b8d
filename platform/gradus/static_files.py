"""Static files: named after their content, compressed when they are collected, and cached by browsers for a year.

Leans on what servestatic and Django's static file storage do without documenting it. Tried with servestatic 4.4.0.
`tests/structure/test_private_interfaces.py` fails when another release series is installed.
"""

from pathlib import Path
from typing import Any

from django.conf import settings
from servestatic import ServeStaticASGI
from servestatic.storage import CompressedManifestStaticFilesStorage

YEAR_SECONDS = 365 * 24 * 60 * 60


class Storage(CompressedManifestStaticFilesStorage):
    """`collectstatic` names each file after its content, and writes it plain, as gzip and as brotli."""

    # Our modules name what they import, and those names need the digest as well. Django's own switch for this rewrites
    # the modules of every package, and fails at one that imports what is not shipped with it.
    patterns = (
        *CompressedManifestStaticFilesStorage.patterns,
        ("js/*.js", ((r"""(?P<matched>from "(?P<url>\./[\w-]+\.js)")""", 'from "%(url)s"'),)),
    )

    def stored_name(self, name: str) -> str:
        """Returns the name with the digest, or the plain name while nothing has been collected.

        A page without its style sheet can still be read.
        """
        return super().stored_name(name) if self.hashed_files else name


class Server(ServeStaticASGI):
    """Sends the smallest variant of a file that the browser accepts."""

    FOREVER = YEAR_SECONDS


def serve_static_files(application: Any, folder: Path) -> Server:
    """Returns an ASGI application that serves the files in `folder`, and passes every other request to `application`.

    Browsers may keep a file whose name has a digest for a year; for one with a plain name they ask each time whether
    it has changed. The folder is read once, now. It is created if nothing has been collected yet.
    """
    folder.mkdir(parents=True, exist_ok=True)
    return Server(application, root=folder, prefix=settings.STATIC_URL, max_age=0, allow_all_origins=False)
