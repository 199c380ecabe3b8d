"""README shows a challenge that works, and pictures that are small and can be taken anew."""

import re
import shutil

import yaml

from challenges.lint.run import lint
from tests.browser.pictures import readme_pictures
from tests.docs.pages import ROOT, links

README = (ROOT / "README.md").read_text()
CHALLENGE = ROOT / "challenges" / "library" / "fine-tuning-vs-prompting" / "symptom-specialty"
LARGEST_PICTURE = 150_000


def shortest_challenge() -> str:
    return re.search(r"^```yaml\n(.*?)^```$", README, re.MULTILINE | re.DOTALL).group(1)


def test_the_shortest_challenge_lints_with_the_files_that_it_names(tmp_path):
    folder = tmp_path / "symptom-specialty"
    shutil.copytree(CHALLENGE, folder)
    (folder / "challenge.yaml").write_text(shortest_challenge())
    assert lint(folder) == []


def test_the_shortest_challenge_has_fifteen_lines_and_is_the_built_in_one():
    shown, real = yaml.safe_load(shortest_challenge()), yaml.safe_load((CHALLENGE / "challenge.yaml").read_text())
    assert len(shortest_challenge().splitlines()) == 15
    assert {shown[key] == real[key] for key in ("id", "kind", "title", "model", "metric", "pass")} == {True}


def test_pictures_are_those_that_the_command_takes_and_are_small():
    shown = {ROOT / link for link in links(README) if link.endswith(".webp")}
    assert shown == {readme_pictures.IMAGES / f"{name}.webp" for name in readme_pictures.NAMES}
    assert all(0 < picture.stat().st_size < LARGEST_PICTURE for picture in shown)
    assert "screenshots" in (ROOT / "Makefile").read_text()


def test_readme_is_short():
    assert len(README.splitlines()) <= 120
