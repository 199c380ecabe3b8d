"""Runs the site of a preview in this process: its database, its web server, and the watch over the folder."""

from __future__ import annotations

import socketserver
import threading
import webbrowser
from contextlib import closing
from pathlib import Path
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

import django
import typer
from django.apps import apps
from django.conf import settings
from django.contrib.staticfiles.handlers import StaticFilesHandler
from django.core.exceptions import SuspiciousFileOperation
from django.core.management import call_command
from django.core.wsgi import get_wsgi_application
from django.db import connection
from django.http import FileResponse, Http404, HttpRequest, HttpResponse

from gradus.preview.folder import Folder
from gradus.preview.state import STATE

HOST = "127.0.0.1"


class PortInUse(Exception):
    """The port that the author asked for is in use."""


class Server(socketserver.ThreadingMixIn, WSGIServer):
    """Answers each request in a thread of its own. Open streams end with the process."""

    daemon_threads = True
    request_queue_size = 64

    def server_bind(self) -> None:
        """Binds without asking the network for this machine's name, which can take seconds."""
        socketserver.TCPServer.server_bind(self)
        self.server_name, self.server_port = HOST, self.server_address[1]
        self.setup_environ()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A browser that leaves a page closes its connections, which is no error. Django logs errors of the site."""


class Handler(WSGIRequestHandler):
    def log_message(self, format: str, *args: Any) -> None:
        """Requests are not printed: an author looks for messages about files."""

    def address_string(self) -> str:
        return HOST


class SiteWithFiles(StaticFilesHandler):
    """The site, and the files below `/static/`."""

    def serve(self, request: HttpRequest) -> HttpResponse | FileResponse:
        """Answers 404 to a path that leads out of the folder. Django raises what its own handler does not catch."""
        try:
            return super().serve(request)
        except SuspiciousFileOperation:
            raise Http404 from None


def has_templates() -> bool:
    return (settings.BASE_DIR / "templates").is_dir()


def run(folder: Path, *, port: int, opens_browser: bool) -> None:
    """Shows the folder until Ctrl-C, which raises KeyboardInterrupt here. Raises `PortInUse`."""
    set_up()
    # Models can be imported once Django is set up.
    from gradus.preview.watch import Watch

    with serving(port) as server, closing(Watch(Folder(folder))) as watch:
        watch.begin()
        address = f"http://{HOST}:{server.server_port}"
        threading.Thread(target=server.serve_forever, daemon=True).start()
        typer.echo(f"\n  Preview of {folder.resolve().name}: {address}{STATE.now.first}")
        typer.echo("  The page follows each saved file. Nothing is graded. Ctrl-C ends the preview.\n")
        if opens_browser:
            webbrowser.open(address + STATE.now.first)
        try:
            watch.run()
        finally:
            server.shutdown()
            connection.close()


def set_up() -> None:
    """Sets Django up with the pages of a preview, and makes an empty database.

    The tables are made from the models, which is quicker than all migrations and holds the same.
    """
    settings.PREVIEW = True
    settings.ROOT_URLCONF = "gradus.preview.pages"
    settings.MIDDLEWARE = [*settings.MIDDLEWARE, "gradus.preview.pages.problems_first"]
    # Nothing here outlives the process, so nothing waits for the disk, which can take seconds.
    settings.DATABASES["default"]["OPTIONS"]["init_command"] = "PRAGMA journal_mode=WAL; PRAGMA synchronous=OFF;"
    options: Any = settings.TEMPLATES[0]["OPTIONS"]
    options["context_processors"].append("gradus.preview.pages.context")
    # An address that is not found has a page, and the author's terminal is for messages about files.
    loggers: Any = settings.LOGGING["loggers"]
    loggers["django"] = {"level": "ERROR"}
    django.setup()
    settings.MIGRATION_MODULES = {app.label: None for app in apps.get_app_configs()}
    call_command("migrate", run_syncdb=True, interactive=False, verbosity=0)


def serving(port: int) -> WSGIServer:
    """Returns a server that listens on the port, or on a free one for 0."""
    try:
        return make_server(HOST, port, SiteWithFiles(get_wsgi_application()), Server, Handler)
    except OSError as error:
        raise PortInUse(f"Port {port} cannot be used ({error.strerror}): choose another one with --port.") from None
