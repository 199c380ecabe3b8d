from contextlib import ExitStack
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from gradus.operations import broker, first_start, ports, programs
from gradus.operations.console import Console
from gradus.operations.doctor import machine
from gradus.operations.doctor.results import run_checks
from gradus.operations.processes import NotReadyError, Stack

ALL_LANES = ",".join(settings.LANES)


class Command(BaseCommand):
    help = (
        "Start the whole site on this machine: database, built-in course and model, broker, one worker for each lane, "
        "reconciler and web server. Ctrl-C stops everything."
    )
    requires_system_checks = ()

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--port", type=int, default=8000, help="default: 8000")
        parser.add_argument("--host", default="127.0.0.1", help="address to listen on; default: 127.0.0.1")
        parser.add_argument("--lanes", default=ALL_LANES, help=f"lanes to start a worker for; default: {ALL_LANES}")
        parser.add_argument("--no-model", action="store_true", help="do not fetch a missing model")
        parser.add_argument(
            "--no-verify", action="store_true", help="do not check the built-in course, and do not run its baselines"
        )

    def handle(
        self, *args: Any, port: int, host: str, lanes: str, no_model: bool, no_verify: bool, **options: Any
    ) -> None:
        if not ports.is_free(host, port):
            hint = f"Stop the program that uses it, or choose another port: --port {port + 1}"
            raise CommandError(f"Port {port} on {host} is in use. {hint}")
        wanted = [lane for lane in lanes.split(",") if lane]
        if unknown := set(wanted) - set(settings.LANES):
            raise CommandError(f"No such lane: {', '.join(sorted(unknown))}. The lanes are: {ALL_LANES}")
        console = Console()
        with Stack(settings.BASE_DIR, console) as stack, ExitStack() as places:
            try:
                self.prepare(console, no_model)
                url = self.start(stack, places, wanted, host, port)
                if not stack.stopping.is_set():
                    self.welcome(console, host, port, first_start.make_admin())
                    if not no_verify and first_start.is_verification_due():
                        stack.add(programs.verification(url))
                stack.run()
            except NotReadyError as error:
                raise CommandError(str(error)) from None
            finally:
                console.say("Stopping.")
                stack.stop()

    def prepare(self, console: Console, no_model: bool) -> None:
        for result in run_checks([machine.memory_and_cores, machine.disk]):
            if result.level != "ok":
                console.say(f"This machine has {result.text}. {result.hint} The site starts all the same.")
        first_start.protect()
        first_start.migrate()
        if not no_model:
            first_start.fetch_models(console)
        first_start.publish_course(console)
        first_start.collect_static(console)

    def start(self, stack: Stack, places: ExitStack, lanes: list[str], host: str, port: int) -> str:
        """Starts all programs. Returns the address of the broker, or an empty text if there is no broker."""
        url = settings.REDIS_URL or self.embedded_broker(stack, places)
        stack.add(programs.web(host, port, url))
        for lane in lanes:
            stack.add(programs.worker(lane, url))
        stack.add(programs.reconciler(url))
        stack.wait_for("The web server", lambda: ports.serves(host, port, "/accounts/login/"), 60)
        return url

    def embedded_broker(self, stack: Stack, places: ExitStack) -> str:
        path = places.enter_context(broker.temporary_socket_path())
        try:
            program = broker.program(path)
        except broker.NoBrokerError as error:
            stack.console.say(f"There is no embedded broker: {error}. Workers check the database each second instead.")
            return ""
        stack.add(program)
        stack.wait_for("The broker", lambda: broker.answers(path), 15)
        return broker.url(path)

    def welcome(self, console: Console, host: str, port: int, password: str | None) -> None:
        shown = "localhost" if host in ("127.0.0.1", "0.0.0.0", "::") else host  # noqa: S104
        console.say(f"\n  Gradus runs at http://{shown}:{port}/")
        if password:
            console.say(f"  Administrator: {first_start.ADMIN_EMAIL}, password: {password}  (shown only this once)")
        console.say("  Ctrl-C stops everything.\n")
