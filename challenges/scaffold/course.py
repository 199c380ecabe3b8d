"""How a course and a lesson begin."""

from __future__ import annotations

from challenges.authoring.unwritten import write
from challenges.scaffold.base import marked

GITIGNORE = """\
# Python's and editors' own files
__pycache__/
.venv/
.idea/
.vscode/
*~
.DS_Store
"""
# Without a base model and embeddings a machine cannot check everything, which exit status 3 says. The site checks it.
WORKFLOW = """\
# Checks the course on every push. Pushes what is on the branch `main` to your site as a draft, which learners do not
# see until somebody publishes it. The repository needs three things in its settings for actions: the secrets
# GRADUS_URL, the site's address, and GRADUS_TOKEN, a token with the content scope `editor`; and the variable
# GRADUS_PACKAGE, from which Gradus is installed: what you give to `pip install` yourself, such as
# git+https://example.org/gradus.git
name: course
on: [push, pull_request]
permissions:
  contents: read
# An older commit must not be pushed after a newer one.
concurrency: course-${{ github.ref }}
jobs:
  course:
    runs-on: ubuntu-latest
    steps:
      - uses: actions/checkout@v4
      - uses: actions/setup-python@v5
        with: {python-version: "3.12"}
      - run: pip install "${GRADUS_PACKAGE:?is not set in the variables of this repository}"
        env: {GRADUS_PACKAGE: "${{ vars.GRADUS_PACKAGE }}"}
      # Exit status 3: nothing is wrong, and this machine cannot check everything. The site checks the rest.
      - run: gradus challenge lint . || [ $? -eq 3 ]
      # Only this step is given the token.
      - if: github.ref == 'refs/heads/main'
        run: |
          [ -n "$GRADUS_TOKEN" ] || { echo "::warning::Not pushed: the secret GRADUS_TOKEN is not set."; exit; }
          gradus course push .
        env:
          GRADUS_URL: ${{ secrets.GRADUS_URL }}
          GRADUS_TOKEN: ${{ secrets.GRADUS_TOKEN }}
"""


def course_files(name: str, lesson: str) -> dict[str, str]:
    """The files of a course's folder beside those of its lesson."""
    spec = f"""\
# Texts that begin with [write wait for yours. `gradus challenge lint .` lists them, with all else that is wrong.
schema: 1
id: {name}
version: 1.0.0  # Raise it when you publish new content.
title: {marked("the title of the course")}
summary: {marked("one or two sentences: what learners can do afterwards, and what they need to know before")}
timezone: UTC  # Where a day of attempts begins, such as Europe/Berlin.
lessons: [{lesson}]
"""
    return {
        "course.yaml": spec,
        "README.md": _readme(name, lesson),
        ".gitignore": GITIGNORE,
        ".github/workflows/course.yml": WORKFLOW,
    }


def lesson_files() -> dict[str, str]:
    """The files of a lesson's folder. Its list of challenges is empty, which lint names until there is one."""
    spec = f"""\
title: {marked("the title of the lesson")}
summary: {marked("one sentence that says what the lesson is about")}
minutes: 30  # How long reading takes, roughly, without the challenges.
challenges: []  # `gradus challenge new KIND NAME` in this folder adds one.
steps: true  # Each heading of level 2 in lesson.md begins a step: a screen with one idea and one thing to do.
questions:
  check:
    - id: first-idea
      question: {marked("a question that the first step answers")}
      options:
        - {{text: {marked("what is right")}, right: true, because: {marked("why it is right")}}}
        - {{text: {marked("what people often think")}, because: {marked("what it overlooks")}}}
    - id: second-idea
      question: {marked("a question that the second step answers")}
      options:
        - {{text: {marked("what people think here")}, because: {marked("what this overlooks")}}}
        - {{text: {marked("what is right here")}, right: true, because: {marked("why this is right")}}}
"""
    text = f"""\
{write("one paragraph: the question that this lesson answers, and why it matters to the reader")}

## {write("the first heading, such as the thing that has to be understood first")}

{write("an example first, then the rule behind it; at most 1,800 words in the whole lesson")}

<!-- question: first-idea -->

## {write("the second heading; aim at five or six in all")}

{write("what follows from the first idea, or limits it")}

<!-- question: second-idea -->

## What you can now do

- {write("one thing that a reader can do now, and could not do before")}
"""
    return {"lesson.yaml": spec, "lesson.md": text}


def _readme(name: str, lesson: str) -> str:
    return f"""\
# {name}

A course for Gradus. `course.yaml` lists its lessons, and each folder with a `lesson.yaml` is one.

- `gradus challenge new KIND NAME --in {lesson}` begins a challenge of a kind such as prompt or free_text.
- `gradus challenge lint .` says what is missing or wrong.
- `gradus course preview .` shows the pages as learners will see them.
- `gradus challenge test .` scores your baselines, from which the pass marks come.
- `gradus course push .` checks the course on the site and leaves a draft; `gradus course publish` publishes it.
- `.github/workflows/course.yml` checks and pushes by itself. It installs Gradus from the variable `GRADUS_PACKAGE`.
"""
