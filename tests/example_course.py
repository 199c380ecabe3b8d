"""The challenges of `docs/examples` as a course: small ones, so that a smoke run grades each kind in seconds."""

from __future__ import annotations

import shutil
from itertools import cycle, islice
from pathlib import Path
from typing import Any

import yaml
from django.conf import settings

from challenges.files.yaml_lines import read

EXAMPLES = Path(settings.BASE_DIR) / "docs" / "examples"
# One of each example; where there are fewer, some come again under another id.
COUNT = 3
RETRIEVER = {
    "title": "Look something up",
    "challenge": "ask-the-library",
    "chips": ["When is the library closed?", "How long may I keep a film?"],
    "explanation": "A search by words needs a word in common; a search by vectors compares what texts are about.",
    "chunk_words": 40,
}


def write_course(root: Path) -> Path:
    """Writes a course with one lesson into the folder `root`; an example that comes again gets another id."""
    found = sorted(path.parent for path in EXAMPLES.glob("*/challenge.yaml"))
    names = [_copy(folder, root / "examples", n) for n, folder in enumerate(islice(cycle(found), COUNT), 1)]
    lesson = {"title": "Examples", "summary": "Small.", "minutes": 5, "challenges": names}
    _write(root / "examples/lesson.yaml", **lesson, retriever=RETRIEVER)
    (root / "examples/lesson.md").write_text("# Examples\n\nChallenges for authors to copy.\n")
    course = {"title": "Examples", "summary": "For authors to copy.", "lessons": ["examples"]}
    _write(root / "course.yaml", schema=1, id="examples", version="1.0.0", **course)
    return root


def _copy(folder: Path, lesson: Path, number: int) -> str:
    spec = read((folder / "challenge.yaml").read_text()).data
    name = spec["id"] if not (lesson / spec["id"]).exists() else f"{spec['id']}-{number}"
    shutil.copytree(folder, lesson / name)
    _write(lesson / name / "challenge.yaml", **{**spec, "id": name})
    return str(name)


def _write(path: Path, **data: Any) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(yaml.safe_dump(data, sort_keys=False))
