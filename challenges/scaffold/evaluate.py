"""How a challenge of the kind `evaluate` begins: a prompt, healthy systems, and systems with a planted defect."""

from __future__ import annotations

from challenges.authoring.unwritten import write
from challenges.scaffold.base import MODEL, Scaffold, Wanted, head, marked, marks, quoted, rows, solution, statement

BASELINES = (
    "The weak one is a test set of which nobody thought: plain rows. The good one aims\n"
    "# rows at some defects, and the gold one at nearly all, with rows that healthy systems answer."
)
BOUNDS = """\
# Where the marks come from: run `gradus challenge test`, which runs your baselines on all systems. Set pass
# above what a set of plain rows reaches."""
LABELS = (write("the first label"), write("the second label"))
SCORED = """\
Your test set is run on systems that you cannot see. A system fails it where it answers too few rows as you expect. The
score is the share of defective systems that fail, minus the share of healthy systems that fail."""
DEFECTS = (
    ("first-words", "reads only the first words", "reads: {first_words: 6}"),
    ("no-capitals", "does not see words in capitals", "reads: {drops: [capitals]}"),
    ("no-numbers", "does not see words with a digit", "reads: {drops: [numbers]}"),
    ("last-words", "reads only the last words", "reads: {last_words: 6}"),
)
HEALTHY = ("steady", "plain", "brisk")
ROWS = (12, 24)


def files(wanted: Wanted) -> dict[str, str]:
    """The files of a challenge with two labels, or with those that the author gives."""
    labels = wanted.labels or LABELS
    return {
        "challenge.yaml": head(wanted, "evaluate") + _keys(labels) + marks(BASELINES, BOUNDS),
        "statement.md": statement(SCORED, "one text with its label, and why it is a good row of a test set"),
        "solution.md": solution(),
        "public.jsonl": rows(
            {"id": f"p{n}", "input": f"{write('a text as the systems read it')} {n}", "target": labels[n % len(labels)]}
            for n in range(2 * len(labels))
        ),
        "systems.yaml": _systems(labels),
        "baselines/weak.yaml": _test_set(labels, 100),
        "baselines/good.yaml": _test_set(labels, 200),
        "baselines/gold.yaml": _test_set(labels, 300),
    }


def _keys(labels: tuple[str, ...]) -> str:
    return f"""\
model: {MODEL}  # The built-in base model. Another one that your site offers goes here.
answer:
  type: label
  labels: [{", ".join(map(quoted, labels))}]
  calibrate: batch  # Takes away what the model prefers anyway, as found on the public rows.
prompt:
  example: "Input: {{input}}\\nOutput: {{output}}"
evaluate:
  rows: [{ROWS[0]}, {ROWS[1]}]  # The fewest and the most rows of a test set.
  fails_below: 0.85  # A system fails where it answers a smaller share of the rows as expected.
systems: systems.yaml  # Learners never see this file.
metric: {{name: adjusted_balanced_accuracy}}
"""


def _systems(labels: tuple[str, ...]) -> str:
    own = write("a text of your own")
    examples = "".join(
        f"      - {{input: {quoted(f'{own} {n}')}, output: {quoted(label)}}}\n" for n, label in enumerate(labels)
    )
    exchange = f"exchanges: [{quoted(labels[0])}, {quoted(labels[1])}]"
    defects = "".join(
        f"  - {{id: {name}, prompt: first, defect: {quoted(what)}, {change}}}\n"
        for name, what, change in (*DEFECTS, ("exchanged", "takes two labels for one another", exchange))
    )
    healthy = "".join(f"  - {{id: {name}, prompt: first}}\n" for name in HEALTHY)
    return f"""\
# A system is a prompt with what the program around it does. Without `defect` it is healthy.
prompts:
  first:
    instructions: {marked("what the model has to do")}
    examples:
{examples}systems:
  # Learners try their rows on practice systems, and read what is wrong with those.
  - {{id: practice-healthy, prompt: first, practice: true}}
  - {{id: practice-first-word, prompt: first, practice: true, defect: one word only, reads: {{first_words: 1}}}}
{healthy}{defects}"""


def _test_set(labels: tuple[str, ...], first: int) -> str:
    row = write("a row that shows a defect")
    listed = "".join(
        f"  - {{input: {quoted(f'{row} {_words(first + n)}')}, output: {quoted(labels[n % len(labels)])}}}\n"
        for n in range(ROWS[0])
    )
    return f"kind: evaluate\nrows:\n{listed}"


def _words(number: int) -> str:
    """Words that no two rows of the template share, because rows that are nearly the same are refused."""
    return " ".join(f"{letter}{number}" for letter in "abcdefghijklmnop")


SCAFFOLD = Scaffold(files, (("label", ""),))
