"""What the studio says where a check or a tool names a command as the remedy: its pages have no command line."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from challenges.problems import Problem

# What stands in messages of `challenges/`, and what to do in the studio instead. The longest of those that begin alike
# comes first.
INSTEAD = (
    ("pack it with `gradus course push`", "pack the folder again with another program"),
    ("; `gradus challenge rows FILE` does that", "; “Rows from a table” in the studio does that"),
    ("; `gradus challenge rows FILE` makes them from a table", "; “Rows from a table” in the studio makes them"),
    ("run `gradus challenge new KIND NAME` in this folder", "add a challenge to it, under “Add” in the studio"),
    ("run `gradus challenge prove --force`", "take the change back, or upload a zip with a new record"),
    ("run `gradus challenge prove`", "take the change back, or upload a zip with a new record"),
    ("; `gradus challenge prove` does so when it records something", ""),
    (" with --force", ""),
    ("` back as `gradus course fork` wrote it", "` back as it was when the edition began"),
    ("in `gradus challenge try`", "when you try it on the public rows"),
    (", and let `gradus challenge test` write it anew", "; the server measures baselines itself"),
    (", or add --answer label", ""),
    (": run this in a lesson's folder, or name one with --in", ": choose a lesson of the list"),
    (": run this in a course's folder, or name it with --in", ": write `course.yaml` first"),
    (", or say what it is, such as --encoding cp1252 for older Excel files", ""),
    (", or give another --encoding", ""),
    (", or give --encoding utf-16-le", ""),
    ("with --text COLUMN", "under “Column with the texts”"),
    (", also as --label CRITERION=COLUMN", ""),
    (", as --label FIELD=COLUMN where they are called otherwise", ", called as the field is"),
    ("with --label COLUMN", "under “Column with the answers”"),
    ("with --label", "under “Column with the answers”"),
    (", but --label gives ", ", but the form gives "),
    ("with --afresh", "by “Part all rows anew”"),
    ("of which --split makes nothing", "of which the shares make nothing"),
    (", or take more rows with --most", ""),
    (", with `gradus challenge new`, and name its folder with --to", ", under “Add” in the studio"),
)


def here(text: str) -> str:
    """Returns a message with the studio's remedy in place of a command or an option of one."""
    for command, words in INSTEAD:
        text = text.replace(command, words)
    return text


def of_problems(problems: Iterable[Problem]) -> list[Problem]:
    return [replace(problem, what=here(problem.what), fix=here(problem.fix)) for problem in problems]
