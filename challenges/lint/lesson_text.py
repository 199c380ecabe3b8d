"""What lint asks of a lesson's text: its length, folds and illustrations, and the numbers that it states."""

from __future__ import annotations

import posixpath
from dataclasses import replace

from challenges.files.source import Source
from challenges.lesson.svg import read_svg
from challenges.lesson.text import STEPS_WORDS_MAX, WORDS_MAX, Image, folds, images, words
from challenges.lint.written_numbers import written_numbers
from challenges.reading import GatheredLesson

WRITTEN = (
    "show a finding there, or say in the same sentence where the number is from: a source such as (Hu et al. 2021), a "
    "rule of thumb, made up, or a formula; write a setting as code"
)


def lint_lesson_text(source: Source, gathered: GatheredLesson) -> None:
    """Few enough words outside folds, folds with a title and an end, and assets that are there, used and harmless;
    no number that looks measured and is not.
    """
    if gathered.text is None:
        return
    file = posixpath.join(gathered.rel, "lesson.md")
    allowed = STEPS_WORDS_MAX if gathered.lesson and gathered.lesson.steps else WORDS_MAX
    if (count := words(gathered.text)) > allowed:
        fix = "shorten it, or move details into folds (`::: fold Title`)"
        source.add(file, None, f"has {count:,} words outside folds; {allowed:,} are allowed", fix)
    for fold in folds(gathered.text):
        if not fold.title:
            source.add(file, fold.line, "the fold has no title", "write `::: fold Title`")
        if not fold.is_closed:
            source.add(file, fold.line, "the fold is not closed", "end it with a line `:::`")
    for written in written_numbers(gathered.text):
        what = f"the number {written.number} could be taken for a measured result"
        source.add(file, written.line, what, WRITTEN)
    shown = images(gathered.text)
    for image in shown:
        _image(source, gathered, file, image)
    _assets(source, gathered, {image.source for image in shown})


def _image(source: Source, gathered: GatheredLesson, file: str, image: Image) -> None:
    if not image.alternative:
        fix = "say between the brackets what it shows: `![what it shows](assets/name.svg)`"
        source.add(file, image.line, "the image has no alternative text", fix)
    if not image.alone:
        source.add(file, image.line, "the image stands within a paragraph", "put blank lines before and after it")
    elif not image.is_illustration:
        fix = "name an SVG drawing such as `assets/name.svg`, in lower-case words joined by `-`"
        source.add(file, image.line, f"`{image.source[:80]}` is no drawing of the lesson", fix)
    elif not source.has(posixpath.join(gathered.rel, image.source)):
        source.add(file, image.line, f"there is no `{image.source}`", "add the file, or correct the name")


def _assets(source: Source, gathered: GatheredLesson, used: set[str]) -> None:
    folder = posixpath.join(gathered.rel, "assets")
    for path in sorted((source.root / folder).glob("*")):
        if f"assets/{path.name}" not in used:
            file = posixpath.join(folder, path.name)
            source.add(file, None, "no image in lesson.md shows it", "show it there, or remove the file")
    for name, data in sorted(gathered.files.items()):
        if name in used:
            for problem in read_svg(data).problems:
                source.problems.append(replace(problem, file=posixpath.join(gathered.rel, name)))
