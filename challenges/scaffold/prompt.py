"""How a challenge of the kind `prompt` begins."""

from __future__ import annotations

from challenges.scaffold.answers import form_of, instructions, model_keys
from challenges.scaffold.base import Scaffold, Wanted, head, marks, solution, statement

BASELINES = (
    "The weak one shows that passing takes work: a prompt of which nobody thought. The\n"
    "# good one shows that passing is possible, and the gold one what a very good prompt reaches."
)


def files(wanted: Wanted) -> dict[str, str]:
    """The files of a challenge whose answers are labels, JSON objects or texts."""
    form = form_of(wanted)
    rows = 2 * len(form.targets)
    return {
        "challenge.yaml": head(wanted, "prompt") + model_keys(form.keys) + marks(BASELINES),
        "statement.md": statement(form.scored, form.example),
        "solution.md": solution(),
        "public.jsonl": form.samples("p", 0),
        "hidden.jsonl": form.samples("h", rows),
        "baselines/weak.yaml": "# No instructions and no examples: the model sees nothing but the row.\nkind: prompt\n",
        "baselines/good.yaml": prompt_payload(form.examples(2 * rows, 2)),
        "baselines/gold.yaml": prompt_payload(form.examples(2 * rows + 2, 4)),
    }


def prompt_payload(examples: str) -> str:
    """A baseline of instructions and examples."""
    return f"""\
# No example may be a hidden row, or nearly one: write your own.
kind: prompt
instructions: {instructions()}
examples:
{examples}"""


SCAFFOLD = Scaffold(files, (("label", ""), ("json", ""), ("text", "")))
