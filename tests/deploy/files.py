"""What `deploy/` says: its command lines and its variables, from files of every kind."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from django.conf import settings

DEPLOY: Path = settings.BASE_DIR / "deploy"
UNITS = DEPLOY / "systemd"
PYTHON = "/srv/gradus/app/.venv/bin/python"
SETTING = re.compile(r"^([A-Z][A-Z_0-9]*)=(.*)$")


@dataclass(frozen=True)
class Command:
    """A program and its words, with where it stands."""

    where: str
    words: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.where}: {' '.join(self.words[:6])}"


def unit(path: Path) -> dict[str, list[tuple[str, str]]]:
    """Sections of a unit file; keys may repeat, so each is a list of pairs."""
    found: dict[str, list[tuple[str, str]]] = {}
    section = ""
    for line in (one.strip() for one in path.read_text().splitlines()):
        if line.startswith("["):
            section = line.strip("[]")
            found[section] = []
        elif line and not line.startswith(("#", ";")):
            key, _, value = line.partition("=")
            found[section].append((key, value))
    return found


def units() -> list[Path]:
    return sorted(path for path in UNITS.rglob("*") if path.suffix in (".service", ".target", ".conf"))


def pools() -> list[str]:
    """What `$POOL` may be in a worker's unit."""
    pairs = [pair for path in units() for pair in unit(path).get("Service", ())]
    return [value.strip('"').removeprefix("POOL=") for key, value in pairs if key == "Environment" and "POOL=" in value]


def of_units() -> Iterator[Command]:
    for path in units():
        for key, value in unit(path).get("Service", ()):
            if key.startswith("Exec"):
                for pool in pools() if "$POOL" in value else [""]:
                    filled = value.replace("$POOL", pool).replace("%i", "grade").replace("%H", "host")
                    yield Command(path.name, tuple(shlex.split(filled)))


def of_procfile() -> Iterator[Command]:
    for line in (DEPLOY / "Procfile").read_text().splitlines():
        name, _, command = line.partition(": ")
        # A shell's default, as `${PORT:-8000}`.
        yield Command(f"Procfile {name}", tuple(shlex.split(re.sub(r"\$\{\w+:-([^}]*)\}", r"\1", command))))


def compose() -> dict[str, Any]:
    return dict(yaml.safe_load((DEPLOY / "container" / "compose.yaml").read_text()))


def of_containers() -> Iterator[Command]:
    """Those that run in our own image."""
    for name, service in compose()["services"].items():
        if "build" in service:
            yield Command(f"compose {name}", tuple(service["command"]))
    for line in dockerfile():
        if line.startswith("CMD "):
            yield Command("Dockerfile", tuple(json.loads(line.removeprefix("CMD "))))


def dockerfile() -> list[str]:
    return (DEPLOY / "container" / "Dockerfile").read_text().splitlines()


def of_readme() -> Iterator[Command]:
    """What a person is told to type for this project's own programs."""
    for line in re.findall(r"(?:python |`)(manage\.py [^`\n#]*)", (DEPLOY / "README.md").read_text()):
        yield Command("README", ("python", *shlex.split(line)))


def commands() -> list[Command]:
    return [*of_units(), *of_procfile(), *of_containers(), *of_readme()]


def example() -> dict[str, str]:
    lines = (UNITS / "gradus.env.example").read_text().splitlines()
    return dict(found.groups() for line in lines if (found := SETTING.match(line)))


def variables() -> Iterator[tuple[str, str]]:
    """Where a variable is set or read for one of our programs, and its name."""
    yield from (("gradus.env.example", name) for name in example())
    for path in units():
        for key, value in unit(path).get("Service", ()):
            if key == "Environment":
                yield path.name, value.strip('"').partition("=")[0]
            yield from ((path.name, name) for name in re.findall(r"\$\{(\w+)\}", value))
    yield from (("Procfile", name) for name in re.findall(r"\$\{(\w+)", (DEPLOY / "Procfile").read_text()))
    for name, service in compose()["services"].items():
        if "build" in service:
            yield from ((f"compose {name}", variable) for variable in service.get("environment", {}))
    for line in dockerfile():
        if line.startswith("ENV "):
            yield from (("Dockerfile", word.partition("=")[0]) for word in line.split()[1:])
