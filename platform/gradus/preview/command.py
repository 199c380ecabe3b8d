"""The command `gradus course preview`, also as `gradus challenge preview`. It needs neither torch nor Redis."""

from __future__ import annotations

import os
import signal
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from challenges.lint.run import MARKERS
from challenges.models.base_models import data_dir
from challenges.models.catalogue import FILE_NAME

# Variables of the author's own site. A preview must reach neither its database nor its queue, its bucket or its mails.
OF_A_SITE = ("DATABASE_URL", "REDIS_URL", "EMAIL_URL")
KEPT = ("GRADUS_MODELS_FILE", "GRADUS_LANGUAGES")
NOTHING_TO_SHOW, NO_SITE = 2, 3
NO_PAGES = (
    "The preview needs the site's pages, which this copy of Gradus lacks. Clone Gradus' repository, and run "
    "`pip install -e .` in its folder."
)


def preview(
    path: Annotated[Path, typer.Argument(help="The folder of a course, a lesson or a challenge.")],
    browser: Annotated[bool, typer.Option(help="Open the first page in the browser.")] = True,
    port: Annotated[int, typer.Option(help="The port on this machine; 0 takes a free one.", min=0, max=65535)] = 0,
) -> None:
    """Show the pages of a folder as the site would, and follow each saved file. Nothing is graded; Ctrl-C ends it.

    Exit status: 0 ended by Ctrl-C, 2 nothing to show there, or the port is in use, 3 the site's templates are missing.
    """
    folder = path.parent if path.name in MARKERS else path
    if not any((folder / name).exists() for name in MARKERS):
        typer.echo(
            f"{folder}: holds none of {', '.join(MARKERS)}: give the folder of a course, lesson or challenge", err=True
        )
        raise typer.Exit(NOTHING_TO_SHOW)
    # SIGINT too: a shell without job control starts what it puts into the background deaf to it.
    for name in ("SIGINT", "SIGTERM", "SIGHUP"):
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), _interrupt)
    with tempfile.TemporaryDirectory(prefix="gradus-preview-", ignore_cleanup_errors=True) as data:
        use_only(Path(data), os.environ)
        # The settings read the environment when they are imported.
        from gradus.preview import site

        if not site.has_templates():
            typer.echo(NO_PAGES, err=True)
            raise typer.Exit(NO_SITE)
        try:
            site.run(folder, port=port, opens_browser=browser)
        except site.PortInUse as error:
            typer.echo(str(error), err=True)
            raise typer.Exit(NOTHING_TO_SHOW) from None
        except KeyboardInterrupt:
            typer.echo("The preview has ended.")


def _interrupt(_number: int, _frame: Any) -> None:
    raise KeyboardInterrupt


def use_only(data: Path, environment: dict[str, str] | os._Environ[str]) -> None:
    """Changes the environment of this process so that the site uses the folder `data` and nothing of a real site.

    Base models are read where the author has them, because lint and the forms count tokens.
    """
    _lend_models(data, environment)
    for name in [name for name in environment if name in OF_A_SITE or name.startswith("GRADUS_")]:
        if name not in KEPT:
            del environment[name]
    environment.update(
        {
            "DJANGO_SETTINGS_MODULE": "gradus.settings",
            "GRADUS_ENV_FILE": os.devnull,
            "GRADUS_DATA_DIR": str(data),
            "GRADUS_LOG_LEVEL": "ERROR",
        }
    )


def _lend_models(data: Path, environment: Mapping[str, str] | os._Environ[str]) -> None:
    for name in ("models", FILE_NAME):
        if (data_dir() / name).exists():
            (data / name).symlink_to((data_dir() / name).resolve())
