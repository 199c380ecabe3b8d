"""One recorded release on disk, and what a recording holds of bundles and payloads."""

from __future__ import annotations

import gzip
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from challenges import payloads
from challenges.bundle import ChallengeBundle
from challenges.course_bundle import CourseBundle
from challenges.reading import read_course

HERE = Path(__file__).parent
# A larger dump is stored compressed.
PLAIN_BYTES = 200_000


@dataclass(frozen=True)
class Release:
    """A folder `release_<version>`. `courses/` holds authors' folders, `files/` the site's private stores."""

    folder: Path

    @classmethod
    def all(cls) -> list[Release]:
        return [cls(folder) for folder in sorted(HERE.glob("release_*"))]

    @classmethod
    def of(cls, version: str) -> Release:
        return cls(HERE / f"release_{version.replace('.', '_')}")

    @property
    def name(self) -> str:
        return self.folder.name

    @property
    def courses(self) -> Path:
        return self.folder / "courses"

    @property
    def files(self) -> Path:
        return self.folder / "files"

    def bundle_texts(self) -> list[str]:
        """Every bundle as the site stored it."""
        return [path.read_text(encoding="utf-8") for path in sorted(self.files.glob("private/bundles/*.json"))]

    def read(self, name: str) -> Any:
        return json.loads((self.folder / f"{name}.json").read_text(encoding="utf-8"))

    def write(self, name: str, value: Any) -> None:
        """A list has one entry a line, so that a change is seen in its line."""
        lines = ",\n".join(json.dumps(one, ensure_ascii=False) for one in value) if isinstance(value, list) else ""
        text = f"[\n{lines}\n]\n" if lines else json.dumps(value, ensure_ascii=False, indent=1) + "\n"
        (self.folder / f"{name}.json").write_text(text, encoding="utf-8")

    def dump(self) -> str:
        """The database as SQL text."""
        packed = self.folder / "database.sql.gz"
        if packed.exists():
            return gzip.decompress(packed.read_bytes()).decode()
        return (self.folder / "database.sql").read_text(encoding="utf-8")

    def write_dump(self, text: str) -> None:
        if len(data := text.encode()) <= PLAIN_BYTES:
            (self.folder / "database.sql").write_bytes(data)
        else:
            (self.folder / "database.sql.gz").write_bytes(gzip.compress(data, mtime=0))


def digests(folder: Path) -> dict[str, Any]:
    """The digests that an author's folder has now: the course's, and each challenge's by its id."""
    course = read_course(folder)
    return {"course": course.digest, "challenges": {one.challenge.id: one.digest for one in challenges(course)}}


def challenges(course: CourseBundle) -> list[ChallengeBundle]:
    return [challenge for lesson in course.lessons for challenge in lesson.challenges]


def stored(given: dict[str, Any]) -> dict[str, Any]:
    """What a site stores of a payload that was sent as `given`."""
    payload = payloads.parse(given)
    return {"given": given, "canonical": payloads.canonical(payload), "sha256": payloads.sha256(payload)}


def changed_folders(release: Release) -> list[str]:
    """Courses whose folder no longer has the recorded digests."""
    recorded = release.read("digests")
    return [name for name, expected in recorded.items() if digests(release.courses / name) != expected]


def changed_bundles(release: Release) -> list[str]:
    """Stored bundles that are refused, or that are dumped otherwise than they were stored; one line each."""
    return [found for text in release.bundle_texts() if (found := _changed_bundle(text))]


def _changed_bundle(text: str) -> str:
    name = json.loads(text)["challenge"]["id"]
    try:
        bundle = ChallengeBundle.from_json(text)
    except ValueError as error:
        return f"{name}: {error}"
    return "" if bundle.to_json() == text else f"{name}: the bundle is dumped otherwise"


def changed_payloads(release: Release) -> list[str]:
    """Payloads that are refused, or that are stored otherwise now; one line each."""
    return [found for one in release.read("payloads") if (found := _changed_payload(one))]


def _changed_payload(recorded: dict[str, Any]) -> str:
    try:
        # A site parses what it has stored, a client sends what it has always sent.
        now, again = stored(recorded["given"]), stored(json.loads(recorded["canonical"]))
    except ValueError as error:
        return f"{recorded['given']}: {error}"
    same = now == recorded and again["sha256"] == recorded["sha256"]
    return "" if same else f"{recorded['given']}: stored as {now['canonical']}"
