import json as jsonlib
from collections.abc import Callable

from django.core.management.base import BaseCommand, CommandError, CommandParser

from challenges.kinds.base import Lane
from workers import status
from workers.engine.choice import only_plain
from workers.sandbox.supervisor import Runner, RunnerDied, RunnerFailed
from workers.transport.choices import DatabaseChoices
from workers.worker import runner_of

PLAIN = "computed by public operations of torch alone, because GRADUS_ENGINE is plain; nothing is measured"
NOT_YET = "not measured yet: it is measured when a runner first uses the model"


class Command(BaseCommand):
    help = "Print how the engine computes each base model on this machine, and why. --measure measures it again."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--measure", action="store_true", help="measure again, and replace what is kept")
        parser.add_argument("--json", action="store_true", help="print one JSON object of texts by base model")

    def handle(self, *args: object, measure: bool, json: bool, **options: object) -> None:
        if measure and only_plain():
            raise CommandError("GRADUS_ENGINE is plain, so nothing is measured. Unset it for the workers first.")
        tell = self.measured if measure else self.kept
        texts = self.of_each_model(tell)
        lines = "\n".join(f"{name}: {text}" for name, text in texts.items())
        self.stdout.write(jsonlib.dumps(texts) if json else lines or "No base model is here. Run `make models`.")
        if measure and not json:
            self.stdout.write("Workers that run keep their choice: restart those of this kind of machine.")

    def of_each_model(self, tell: Callable[[Runner, str], str]) -> dict[str, str]:
        """What `tell` says about each base model whose files are here. No file, no line."""
        runner = runner_of(Lane.INTERACTIVE, DatabaseChoices())
        try:
            return {name: tell(runner, name) for name in status.digests()}
        finally:
            runner.close()

    def kept(self, runner: Runner, name: str) -> str:
        if only_plain():
            return PLAIN
        choice = DatabaseChoices().find(runner.place(name))
        return choice.reason if choice is not None else NOT_YET

    def measured(self, runner: Runner, name: str) -> str:
        """Measures as a worker would. If that fails, a worker measures when it next uses the model."""
        DatabaseChoices().forget(runner.place(name))
        try:
            return runner.choose(name, should_stop=lambda: False).reason
        except (RunnerDied, RunnerFailed) as error:
            raise CommandError(f"{name} could not be measured: {error}. Run `manage.py doctor`.") from error
