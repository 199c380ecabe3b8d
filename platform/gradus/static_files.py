"""Style sheets, scripts and pictures: named by their content, compressed once, and kept by browsers for a year."""

from pathlib import Path
from typing import Any

from django.conf import settings
from servestatic import ServeStaticASGI
from servestatic.storage import CompressedManifestStaticFilesStorage

YEAR = 365 * 24 * 60 * 60


class Storage(CompressedManifestStaticFilesStorage):
    """`collectstatic` writes each file under a name with the digest of its content, as it is, as gzip and as brotli."""

    # Our modules name what they import, which needs the digest as well. Django's own switch for this rewrites the
    # modules of every package, and fails at one that imports what is not shipped with it.
    patterns = (
        *CompressedManifestStaticFilesStorage.patterns,
        ("js/*.js", ((r"""(?P<matched>from "(?P<url>\./[\w-]+\.js)")""", 'from "%(url)s"'),)),
    )

    def stored_name(self, name: str) -> str:
        """With the digest. Where nothing was collected, the plain name: a page without its style can still be read."""
        return super().stored_name(name) if self.hashed_files else name


class Server(ServeStaticASGI):
    """Sends the smallest of a file's variants that the browser takes."""

    FOREVER = YEAR


def served(application: Any, folder: Path) -> Server:
    """The ASGI application that answers for the files in `folder`, and asks `application` for everything else.

    Names with a digest may be kept for a year; a browser asks each time whether a plain one has changed. The folder is
    read once, here: it is made where nothing was collected yet.
    """
    folder.mkdir(parents=True, exist_ok=True)
    return Server(application, root=folder, prefix=settings.STATIC_URL, max_age=0, allow_all_origins=False)
