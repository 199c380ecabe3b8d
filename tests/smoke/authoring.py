"""What an author does in a smoke run: she follows `docs/authors/first-challenge.md`, command by command.

She uses the command line alone, as somebody without a shell on the server does. What she must write herself is put in
for the marks of the template; see `tests.challenges.scaffold.author`.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from django.conf import settings

from challenges.files.yaml_lines import read
from tests.challenges.scaffold.author import write_everything
from tests.smoke.report import expect
from tests.smoke.visitor import Visitor

TUTORIAL = Path(settings.BASE_DIR) / "docs" / "authors"
COURSE, LESSON, CHALLENGE = "by-the-coast", "first-lesson", "sea-or-sky"
PASSWORD = "a long password of the smoke run"
# What the page says of its table: the weak attempt stays below the first, the good one is above the second.
MARKS = {"pass": "0.90", "gold": "0.94", "max": "0.89", "min": "0.94"}


def commands(page: str) -> dict[str, list[list[str]]]:
    """The commands of `gradus` and `cd` in the page's code blocks, by the number of the section."""
    sections = re.split(r"(?m)^## (?=\d\. )", page)[1:]
    return {
        section[0]: [
            shlex.split(line)
            for block in re.findall(r"(?ms)^```\n(.*?)^```$", section)
            for line in block.splitlines()
            if line.startswith(("gradus ", "cd "))
        ]
        for section in sections
    }


class Author:
    """An administrator who is an author as well, with a learner who takes what she publishes."""

    def __init__(self, base: str, folder: Path, administrator: Callable[[], tuple[str, str]]) -> None:
        self.base, self.folder, self.administrator = base, folder, administrator
        self.course = folder / COURSE
        self.challenge = self.course / LESSON / CHALLENGE
        self.page = commands((TUTORIAL / "first-challenge.md").read_text(encoding="utf-8"))
        self.cwd = folder
        self.learner = Visitor(base)
        self.token = ""
        self.live = ""

    def steps(self) -> Iterator[tuple[str, Callable[[], str]]]:
        yield "an author signs in", self.sign_in
        yield "  begins a course", self.begin
        yield "  makes rows from a table", self.rows
        yield "  writes and checks", self.write
        yield "  pushes it, which nobody sees", self.push
        yield "  has it verified, publishes it", self.publish
        yield "a learner passes it", self.learn
        yield "the author corrects a row", self.correct
        yield "  whose board stays meanwhile", lambda: self.board("1.0.0")
        yield "  grades again", self.regrade
        yield "  rolls back", self.roll_back
        yield "  has scores as they were", lambda: self.board(self.live)
        yield "  pulls what is published", self.pull

    def close(self) -> None:
        self.learner.close()

    def run(self, words: list[str], token: str = "", status: int = 0, typed: str = "") -> str:
        """Runs a command of `gradus`. Returns what it printed; its last lines are in the error if it fails."""
        environment = os.environ | {
            "GRADUS_URL": self.base,
            "GRADUS_TOKEN": token,
            "XDG_CONFIG_HOME": str(self.folder / "config"),
            "NO_COLOR": "1",
        }
        done = subprocess.run(
            [sys.executable, "-c", "from gradus.cli.main import main; main()", *words],
            env=environment,
            cwd=self.cwd,
            input=typed,
            capture_output=True,
            text=True,
            check=False,
            timeout=600,
        )
        told = f"`gradus {' '.join(words)}` ends with {done.returncode}: {done.stdout[-600:]} {done.stderr[-600:]}"
        expect(done.returncode == status, told)
        return done.stdout

    def follow(self, section: str, *only: str) -> list[str]:
        """Runs the commands of a section of the page, or those with a word in `only`. Returns what each printed."""
        said = []
        for first, *words in self.page[section]:
            if only and not set(only) & set(words):
                continue
            if first == "cd":
                self.cwd = (self.cwd / words[0]).resolve()
            else:
                said.append(self.run(words))
        expect(bool(said), f"section {section} of the page has no such command")
        return said

    def asked(self, *words: str) -> Any:
        return json.loads(self.run([*words, "--json"]))

    def sign_in(self) -> str:
        email, password = self.administrator()
        (line,) = self.page["1"]
        words = [self.base if word.startswith("https://") else word for word in line[1:]]
        self.run(words, typed=f"{email}\n{password}\n")
        fields = {"email": "second@example.org", "password1": PASSWORD}
        self.learner.submit("/accounts/signup/", "/accounts/signup/", fields)
        body = {"email": fields["email"], "password": PASSWORD, "name": "smoke"}
        self.token = str(self.learner.http.post("/api/v1/tokens", json=body).json()["token"])
        return "with the scope for content"

    def begin(self) -> str:
        self.follow("2")
        return ", ".join(sorted(path.name for path in self.challenge.iterdir()))

    def rows(self) -> str:
        shutil.copy(TUTORIAL / "sentences.csv", self.course)
        self.follow("3")
        counts = {name: len(_rows(self.challenge / f"{name}.jsonl")) for name in ("public", "hidden")}
        expect(sum(counts.values()) > 30, f"too few rows were made: {counts}")
        return ", ".join(f"{count} {name}" for name, count in counts.items())

    def write(self) -> str:
        write_everything(self.course)
        path = self.challenge / "challenge.yaml"
        text = path.read_text(encoding="utf-8")
        for key, value in MARKS.items():
            text, count = re.subn(rf"(?m)((?:^|, ){key}: )[\d.]+", rf"\g<1>{value}", text)
            expect(count > 0, f"challenge.yaml has no {key}")
        path.write_text(text, encoding="utf-8")
        return self.follow("5")[0].strip()

    def push(self) -> str:
        (said,) = self.follow("6", "push")
        for path in (f"/challenges/{CHALLENGE}/", f"/api/v1/challenges/{CHALLENGE}", f"/teach/courses/{COURSE}/"):
            status = self.learner.http.get(path).status_code
            expect(status == 404, f"a learner gets {status} for {path}")
        return said.splitlines()[0]

    def publish(self) -> str:
        self.follow("6", "status", "publish")
        (found,) = self.asked("course", "status", str(self.course))["challenges"]
        expect(found["is_verified"] and found["state"] == "live", f"the challenge is {found}")
        page = self.learner.read(f"/challenges/{CHALLENGE}/")
        shown = [row["input"] for row in _rows(self.challenge / "hidden.jsonl") if row["input"] in page]
        expect(not shown, f"the page shows hidden rows: {shown}")
        return ", ".join(f"{run['name'] or run['what']} {run['state']}" for run in found["runs"])

    def learn(self) -> str:
        # The learner thinks of what the author thought of.
        shutil.copy(self.challenge / "baselines" / "good.yaml", self.cwd / "attempt.yaml")
        line = next(words for first, *words in self.page["6"] if "submit" in words)
        done = json.loads(self.run([*line, "--json"], token=self.token))
        expect(done["status"] == "scored" and done["verdict"] == "passed", f"the attempt is {done}")
        return f"{done['score']:.2f}, {done['verdict']}"

    def correct(self) -> str:
        path = self.challenge / "hidden.jsonl"
        first, *others = _rows(path)
        first["input"] += " today"
        path.write_text("".join(json.dumps(row) + "\n" for row in (first, *others)), encoding="utf-8")
        refused = self.run(["course", "push", str(self.course), "--json"], status=1)
        expect(json.loads(refused)["error"]["code"] == "version_refused", f"the same number is refused with {refused}")
        for file in (self.challenge / "challenge.yaml", self.course / "course.yaml"):
            text = file.read_text(encoding="utf-8")
            file.write_text(re.sub(r"(?m)^version: 1\.0\.0", "version: 1.0.1", text), encoding="utf-8")
            expect(read(file.read_text(encoding="utf-8")).data["version"] == "1.0.1", f"{file.name} has no version")
        said, *_ = self.follow("7", "push", "publish", "status")
        expect("hidden.jsonl" in said and first["input"] not in said, f"the difference is: {said}")
        return "refused under the same number, published under the next"

    def board(self, version: str) -> str:
        found = self.learner.api(f"/challenges/{CHALLENGE}/leaderboard")
        expect(found["version"] == version, f"the board holds {found['version']} and not {version}")
        expect(bool(found["mine"]) and found["mine"]["rank"] == 1, f"the learner's row is {found['mine']}")
        return f"version {found['version']}, rank {found['mine']['rank']}"

    def regrade(self) -> str:
        self.follow("7", "rejudge")
        return self.board("1.0.1")

    def roll_back(self) -> str:
        self.follow("7", "versions", "rollback")
        versions = self.asked("course", "versions", str(self.course))
        expect(len(versions) == 3, f"the versions are {versions}")
        (found,) = self.asked("course", "status", str(self.course))["challenges"]
        expect(found["state"] == "live", f"the challenge is {found}")
        self.follow("7", "rejudge")
        self.live = found["version"]
        return f"the content of 1.0.0 is live as {self.live}"

    def pull(self) -> str:
        self.follow("7", "pull")
        into = self.folder / "pulled"
        rows = _rows(into / LESSON / CHALLENGE / "hidden.jsonl")
        corrected = _rows(self.challenge / "hidden.jsonl")
        expect(rows[1:] == corrected[1:] and rows[0] != corrected[0], "what is pulled is not the content of 1.0.0")
        return f"{sum(path.is_file() for path in into.rglob('*'))} files"


def _rows(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
