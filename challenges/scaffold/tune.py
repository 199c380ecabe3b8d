"""How a challenge of the kind `tune` begins, for each training method."""

from __future__ import annotations

from challenges.scaffold.answers import form_of, model_keys, training_rows
from challenges.scaffold.base import Scaffold, Wanted, head, marks, solution, statement
from challenges.training_methods import METHODS, TrainingMethod

BASELINES = (
    "The weak one is the model without training, which shows that passing takes work. The\n"
    "# good and the gold one are trained on train.jsonl: replace their rows and settings by what you find to be best."
)
# Settings of the good and of the gold baseline, beside those from which the method starts.
SETTINGS = {"good": "num_train_epochs: 2", "gold": "num_train_epochs: 4"}


def files(wanted: Wanted) -> dict[str, str]:
    """The files of a challenge that is trained, and beside which prompts are accepted as a second track."""
    method = METHODS[wanted.method]
    form = form_of(wanted, preferences=method.compares)
    rows = 2 * len(form.targets)
    spec = head(wanted, "tune") + "also: [prompt]  # On the same board, and not needed to pass.\n"
    return {
        "challenge.yaml": spec + model_keys(form.keys) + _section(wanted.method, method) + marks(BASELINES),
        "statement.md": statement(form.scored, form.example),
        "solution.md": solution(),
        "public.jsonl": form.samples("p", 0),
        "hidden.jsonl": form.samples("h", rows),
        "train.jsonl": training_rows(form, 2 * rows, preferences=method.compares),
        "baselines/weak.yaml": "# The model without training, instructions and examples.\nkind: prompt\n",
        **{f"baselines/{name}.yaml": _trained(wanted.method, chosen) for name, chosen in SETTINGS.items()},
    }


def _section(name: str, method: TrainingMethod) -> str:
    preferences = (
        "  rows: preferences  # Of two answers to a prompt, the one that is better.\n" if method.compares else ""
    )
    return f"""\
tune:
  methods: [{name}]
{preferences}  rows_max: 500  # The most rows that a learner may hand in.
  row_tokens_max: 256
  tokens_max: 150000  # Rows x epochs x tokens: what a training run may cost.
  seconds: 600  # Of computing time.
"""


def _trained(method: str, chosen: str) -> str:
    return f"""\
kind: tune
method: {method}
rows_file: ../train.jsonl
hyperparameters: {{{chosen}}}  # What is left out starts where the method does.
"""


def _forms() -> tuple[tuple[str, str], ...]:
    """Methods that learn from preferences are for texts, of which one can be better than another."""
    answers = {name: ("text",) if method.compares else ("label", "json", "text") for name, method in METHODS.items()}
    return tuple((answer, method) for method, allowed in answers.items() for answer in allowed)


SCAFFOLD = Scaffold(files, _forms())
