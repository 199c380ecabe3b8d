"""What lint asks of a lesson in steps: their number and length, and something to do in each."""

from __future__ import annotations

import posixpath
import re

from challenges.files.source import Source
from challenges.lesson.text import STEPS_WORDS_MAX, Section, folded_words, images, sections, words
from challenges.reading import GatheredLesson

STEPS_MIN, STEPS_MAX = 3, 8
STEP_WORDS_MAX = 450
TITLE_CHARS = 80
# What readers can try, answer or look at.
TO_DO = re.compile(r"(?m)^\s*<!--\s*(?:demo|retriever|advisor|board|(?:question|finding):\s*\S+?)\s*-->\s*$")
CHALLENGE = re.compile(r"<!--\s*challenge:\s*(\S+?)\s*-->")


def lint_steps(source: Source, gathered: GatheredLesson) -> None:
    """The steps of a lesson that has steps, and in every lesson the marks that name a challenge."""
    if gathered.lesson is None or gathered.text is None:
        return
    file = posixpath.join(gathered.rel, "lesson.md")
    _challenge_marks(source, gathered, file)
    if not gathered.lesson.steps:
        return
    found = sections(gathered.text)
    if not STEPS_MIN <= len(found) <= STEPS_MAX:
        what = f"has {len(found)} steps (headings of level 2); {STEPS_MIN} to {STEPS_MAX} are allowed"
        source.add(file, None, what, "aim at five or six: join short ones, or leave out what the lesson can do without")
    if (count := folded_words(gathered.text)) > STEPS_WORDS_MAX:
        what = f"has {count:,} words in folds; {STEPS_WORDS_MAX:,} are allowed"
        source.add(file, None, what, "leave out what no challenge needs")
    for section in found:
        _step(source, file, section, is_last=section is found[-1])


def _step(source: Source, file: str, section: Section, *, is_last: bool) -> None:
    if not section.title or len(section.title) > TITLE_CHARS:
        what = f"the heading of the step has {len(section.title)} characters; 1 to {TITLE_CHARS} are allowed"
        source.add(file, section.line, what, "name what the step is about in a few words")
    if (count := words(section.text)) > STEP_WORDS_MAX:
        what = f"the step has {count:,} words outside folds; {STEP_WORDS_MAX:,} are allowed"
        source.add(file, section.line, what, "give it one idea, and move details into a fold")
    # Questions after the lesson and the challenges follow the last step.
    if not is_last and not TO_DO.search(section.text) and not images(section.text):
        fix = "add a question, something to try, a finding or a picture"
        source.add(file, section.line, "the step has nothing to do", fix)


def _challenge_marks(source: Source, gathered: GatheredLesson, file: str) -> None:
    known, seen = dict(gathered.challenges), set[str]()
    for number, line in enumerate((gathered.text or "").splitlines(), 1):
        for name in CHALLENGE.findall(line):
            if name not in known:
                source.add(file, number, f"`{name}` is no challenge of this lesson", "name one that lesson.yaml lists")
            elif name in seen:
                source.add(file, number, f"the challenge `{name}` is marked twice", "remove one of the marks")
            seen.add(name)
