"""What an author does in a smoke run: from an empty folder and a table to a published challenge, and back again.

She uses the command line alone, as somebody without a shell on the server does. What she must write herself is put in
for the marks of the template; see `tests.challenges.scaffold.author`.
"""

from __future__ import annotations

import csv
import json
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import yaml

from challenges.kinds.prompt import KIND as PROMPT
from tests.challenges.scaffold.author import write_everything
from tests.smoke.report import expect
from tests.smoke.visitor import Visitor

COURSE, LESSON, CHALLENGE = "by-the-coast", "first-lesson", "sea-or-sky"
PASSWORD = "a long password of the smoke run"
SEA = (
    "A crab hid under the wet rocks", "The trawler lost its net in the swell", "Divers mapped the coral reef",
    "Kelp wound around the propeller", "The tide left a pool of shrimps", "A seal slept on the pontoon",
    "Salt water filled the bilge", "The harbour pilot boarded at dawn", "An octopus opened the jar",
    "Waves broke over the pier all night", "The ferry rolled in the strait", "Oysters grow on those ropes",
    "A whale surfaced near the buoy", "Mussels cover the old anchor chain", "The captain sounded the depth",
    "Two kayaks drifted past the lighthouse", "Plankton glowed in our wake", "The lagoon is only waist deep",
    "Herring swim in a tight shoal", "The submarine lay on the bottom", "Starfish cling to the breakwater",
    "Nets dried beside the fishing boats", "A current pulled the swimmer out", "The lobster pots were empty",
)  # fmt: skip
SKY = (
    "A hawk circled over the motorway", "The balloon drifted above the hills", "Clouds gathered before the storm",
    "Two jets left white trails", "The comet returns in seventy years", "A rainbow stood behind the church",
    "Lightning lit the whole horizon", "Swallows dive for insects up there", "The moon was thin as a thread",
    "A glider turned in the warm air", "Geese flew south in a wedge", "The telescope points at Saturn",
    "Snow fell from a grey ceiling", "The parachute opened late", "Stars are pale above the city",
    "A drone hovered near the steeple", "Thunder rolled across the valley", "The aurora was green and silent",
    "Our plane climbed through the haze", "Kites pulled hard at their strings", "The eclipse lasted four minutes",
    "A satellite crossed Orion", "Hail drummed from dark towers of vapour", "The sunset turned from gold to violet",
)  # fmt: skip
EXAMPLES = [{"input": SEA[0], "output": "sea"}, {"input": SKY[0], "output": "sky"}]


class Author:
    """An administrator who is an author as well, with a learner who takes what she publishes."""

    def __init__(self, base: str, folder: Path, administrator: Callable[[], tuple[str, str]]) -> None:
        self.base, self.folder, self.administrator = base, folder, administrator
        self.course = folder / COURSE
        self.challenge = self.course / LESSON / CHALLENGE
        self.learner = Visitor(base)
        self.tokens: dict[str, str] = {}
        self.live = ""

    def steps(self) -> Iterator[tuple[str, Callable[[], str]]]:
        yield "an author gets a token", self.sign_in
        yield "  begins a course", self.begin
        yield "  makes rows from a table", self.rows
        yield "  pushes a draft", self.push
        yield "  which no learner sees", self.hidden
        yield "  publishes it", self.publish
        yield "a learner passes it", self.learn
        yield "the author corrects a row", self.correct
        yield "  the board stays meanwhile", lambda: self.board("1.0.0")
        yield "  and moves with the regrade", self.regrade
        yield "the author rolls back", self.roll_back
        yield "  scores are as they were", self.scores
        yield "pulls what is published", self.pull

    def close(self) -> None:
        self.learner.close()

    def run(self, *words: str, who: str = "author", status: int = 0, cwd: Path | None = None) -> str:
        """Runs a command of `gradus`. Returns what it printed; its last lines are in the error if it fails."""
        environment = os.environ | {
            "GRADUS_URL": self.base,
            "GRADUS_TOKEN": self.tokens.get(who, ""),
            "XDG_CONFIG_HOME": str(self.folder / who),
            "NO_COLOR": "1",
        }
        argv = [sys.executable, "-c", "from gradus.cli.main import main; main()", *words]
        done = subprocess.run(
            argv, env=environment, cwd=cwd or self.folder, capture_output=True, text=True, check=False, timeout=600
        )
        told = f"`gradus {' '.join(words)}` ends with {done.returncode}: {done.stdout[-600:]} {done.stderr[-600:]}"
        expect(done.returncode == status, told)
        return done.stdout

    def asked(self, *words: str, who: str = "author") -> Any:
        return json.loads(self.run(*words, "--json", who=who, cwd=self.course))

    def token(self, email: str, password: str, **levels: str) -> str:
        body = {"email": email, "password": password, "name": "smoke", **levels}
        answer = self.learner.http.post("/api/v1/tokens", json=body)
        expect(answer.status_code == 201, f"no token for {email}: {answer.text[:200]}")
        return str(answer.json()["token"])

    def sign_in(self) -> str:
        self.tokens["author"] = self.token(*self.administrator(), content="owner", learner_data="editor")
        fields = {"email": "second@example.org", "password1": PASSWORD}
        self.learner.submit("/accounts/signup/", "/accounts/signup/", fields)
        self.tokens["learner"] = self.token(fields["email"], PASSWORD)
        return "with the scope for content"

    def begin(self) -> str:
        self.run("course", "new", COURSE, "--lesson", LESSON)
        self.run("challenge", "new", PROMPT.name, CHALLENGE, cwd=self.course / LESSON)
        return ", ".join(sorted(path.name for path in self.challenge.iterdir()))

    def rows(self) -> str:
        table = self.folder / "sentences.csv"
        with table.open("w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file)
            writer.writerow(["sentence", "about"])
            for texts, label in ((SEA, "sea"), (SKY, "sky")):
                writer.writerows((text, label) for text in texts[1:])
        options = ("--text", "sentence", "--label", "about", "--to", str(self.challenge), "--split", "0.3/0.7")
        self.run("challenge", "rows", str(table), *options)
        write_everything(self.course)
        self._pass_at(0.3, weak=0.28)
        counts = {name: len(_lines(self.challenge / f"{name}.jsonl")) for name in ("public", "hidden")}
        expect(sum(counts.values()) > 30, f"too few rows were made: {counts}")
        return ", ".join(f"{count} {name}" for name, count in counts.items())

    def _pass_at(self, mark: float, weak: float) -> None:
        """A mark that the built-in model passes with two examples, whatever the split."""
        self._edit("challenge.yaml", r"(?m)^pass: .*$", f"pass: {mark}")
        self._edit("challenge.yaml", r"max: 0\.\d+", f"max: {weak}")

    def _edit(self, name: str, pattern: str, text: str) -> None:
        path = self.challenge / name
        before = path.read_text(encoding="utf-8")
        after, count = re.subn(pattern, text, before, count=1)
        expect(count == 1, f"{name} has nothing like {pattern}")
        path.write_text(after, encoding="utf-8")

    def push(self) -> str:
        made = self.asked("course", "push", str(self.course), "--no-lint")
        expect(made["state"] == "draft", f"the pushed version is {made['state']}")
        again = self.asked("course", "push", str(self.course), "--no-lint")
        expect(again["digest"] == made["digest"], "a second push of the same folder is another content")
        return f"{made['course']} {made['version']}: {'; '.join(made['difference']['lines'])[:80]}"

    def hidden(self) -> str:
        for path in (f"/challenges/{CHALLENGE}/", f"/api/v1/challenges/{CHALLENGE}", f"/teach/courses/{COURSE}/"):
            status = self.learner.http.get(path).status_code
            expect(status == 404, f"a learner gets {status} for {path}")
        return "404 for page, API and the teacher's page"

    def publish(self) -> str:
        made = self.asked("course", "publish", "--all-unverified")
        expect(made["state"] == "published", f"the version is {made['state']}")
        page = self.learner.read(f"/challenges/{CHALLENGE}/")
        hidden = [row["input"] for row in _rows(self.challenge / "hidden.jsonl") if row["input"] in page]
        expect(not hidden, f"the page shows hidden rows: {hidden}")
        return f"{made['version']}, and a learner sees it"

    def learn(self) -> str:
        payload = self.folder / "attempt.yaml"
        payload.write_text(
            yaml.safe_dump({"kind": PROMPT.name, "instructions": "Sea or sky?", "examples": EXAMPLES}), encoding="utf-8"
        )
        done = self.asked("submit", CHALLENGE, str(payload), "-f", who="learner")
        expect(done["status"] == "scored" and done["verdict"] in ("passed", "gold"), f"the attempt is {done}")
        return f"{done['score']:.2f}, {done['verdict']}"

    def correct(self) -> str:
        path = self.challenge / "hidden.jsonl"
        first, *others = _rows(path)
        first["target"] = {"sea": "sky", "sky": "sea"}[first["target"]]
        path.write_text("".join(json.dumps(row) + "\n" for row in (first, *others)), encoding="utf-8")
        self.run("course", "push", str(self.course), "--no-lint", status=1)
        self._edit("challenge.yaml", r"(?m)^version: .*$", "version: 1.0.1")
        course = self.course / "course.yaml"
        course.write_text(
            re.sub(r"(?m)^version: .*$", "version: 1.0.1", course.read_text(encoding="utf-8")), encoding="utf-8"
        )
        made = self.asked("course", "push", str(self.course), "--no-lint")
        lines = "; ".join(made["difference"]["lines"])
        expect("target" in lines and first["input"] not in lines, f"the difference is: {lines}")
        self.asked("course", "publish", "--all-unverified")
        return "refused under the same number, published under the next"

    def board(self, version: str) -> str:
        found = self.learner.api(f"/challenges/{CHALLENGE}/leaderboard")
        expect(found["version"] == version, f"the board holds {found['version']} and not {version}")
        expect(bool(found["mine"]) and found["mine"]["rank"] == 1, f"the learner's row is {found['mine']}")
        return f"version {found['version']}, rank {found['mine']['rank']}"

    def regrade(self) -> str:
        self.run("challenge", "rejudge", CHALLENGE, "--dry-run")
        self.run("challenge", "rejudge", CHALLENGE, "--approve", "--lower")
        return self.board("1.0.1")

    def roll_back(self) -> str:
        planned = self.asked("course", "rollback", "1.0.0", "--dry-run")
        made = self.asked("course", "rollback", "1.0.0", "-y", "--rejudge")
        expect(made["state"] == "published" and made["version"] == planned["version"], f"the rollback is {made}")
        expect(made["challenges"][0]["state"] == "live", f"the challenge is {made['challenges'][0]['state']}")
        self.run("challenge", "rejudge", CHALLENGE, "--dry-run")
        self.run("challenge", "rejudge", CHALLENGE, "--approve", "--lower")
        self.live = made["challenges"][0]["version"]
        return f"the content of 1.0.0 is live as {made['version']}"

    def scores(self) -> str:
        versions = self.asked("course", "versions")
        live = [one["version"] for one in versions if one["is_live"]]
        expect(len(live) == 1 and len(versions) == 3, f"the versions are {versions}")
        return self.board(self.live)

    def pull(self) -> str:
        into = self.folder / "pulled"
        self.run("course", "pull", str(into), "--course", COURSE)
        rows = _rows(into / LESSON / CHALLENGE / "hidden.jsonl")
        corrected = _rows(self.challenge / "hidden.jsonl")
        expect(rows[1:] == corrected[1:] and rows[0] != corrected[0], "what is pulled is not the content of 1.0.0")
        return f"{sum(path.is_file() for path in into.rglob('*'))} files"


def _lines(path: Path) -> list[str]:
    return path.read_text(encoding="utf-8").splitlines()


def _rows(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in _lines(path)]
