"""The commands `gradus course ...`: from a folder on the author's machine to a course that the site shows, and back.

Exit status: 0 done, 1 refused, 2 a wrong name, 3 not everything has been checked yet, 4 the site does not answer, 5 not
signed in, or with a token that may not change courses.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, replace
from pathlib import Path
from tempfile import TemporaryFile
from typing import Annotated, Any

import typer
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn

from challenges.texts import several
from gradus.cli import archives, authors, course_output, on_site
from gradus.cli import output as showing
from gradus.cli.archives import Seen
from gradus.cli.client import NOT_SIGNED_IN, REFUSED, WRONG_NAME, Api, Config, Failure
from gradus.cli.learners import Json
from gradus.cli.plugins import CourseGroup

HELP = "Write and publish a course."
app = typer.Typer(cls=CourseGroup, no_args_is_help=True, help=HELP)

Folder = Annotated[Path, typer.Argument(metavar="[FOLDER]", help="The course's folder; its course.yaml has the id.")]
Course = Annotated[str, typer.Option("--course", help="The course's id, in place of the one in the folder.")]
Version = Annotated[str, typer.Argument(metavar="VERSION", help="A number, as `gradus course versions` lists it.")]
HERE = Path()
POLL_SECONDS = 2.0
NOT_CHECKED = 3
WRONG_NAMES = ("no_course", "no_such_version", "no_such_challenge")


@app.callback(help=HELP)
def course() -> None:
    """The group of these commands."""


@contextmanager
def authoring(json: bool = False) -> Iterator[Api]:
    """Yields a client of the site. A `Failure` is printed, with `json` as an object, and becomes the exit status."""
    try:
        with Api(Config.load()) as api:
            try:
                yield api
            except Failure as failure:
                raise _explained(api, failure) from None
    except Failure as failure:
        if json:
            details = list(failure.details) or [{"message": line} for line in failure.problems]
            showing.as_json({"error": {"code": failure.reason, "message": str(failure), "problems": details}})
        for line in (str(failure), *failure.problems):
            typer.echo(line, err=True)
        raise typer.Exit(failure.code) from None


def _explained(api: Api, failure: Failure) -> Failure:
    """Returns a failure with the exit status of authors, and with what helps them."""
    known: list[str] = []
    if failure.reason == "missing_scope":
        levels = [str(one["message"]).partition(":") for one in failure.details]
        options = " ".join(f"--{axis.replace('_', '-')} {level}" for axis, _, level in levels)
        whose, how = (
            ("The token in GRADUS_TOKEN", "token create") if os.environ.get("GRADUS_TOKEN") else ("Your token", "login")
        )
        told = f"{whose} may not do this. Get one that may: gradus {how} {options}"
        return Failure(told, NOT_SIGNED_IN, reason=failure.reason)
    if failure.reason == "moved":
        failure.problems = (*failure.problems, "`gradus course pull` brings what is there into the folder.")
        return failure
    if failure.reason == "not_found":
        asked = api.asked
        known = [one["id"] for one in api.get("courses")]
        told = (
            "The site has no such course, or you have no role in it. `gradus course push` makes a course that is new."
        )
        if (name := next((one for one in known if asked.startswith(f"courses/{one}/")), None)) is not None:
            known = []
            told = (
                f"You take part in {name} as a learner. To change it, you need a role in it: its owner can invite you."
            )
        failure = Failure(told, WRONG_NAME, reason=failure.reason)
    elif failure.reason in WRONG_NAMES:
        known = [str(one["message"]) for one in failure.details if one.get("code") == "known"]
        failure = Failure(str(failure), WRONG_NAME, reason=failure.reason)
    if known:
        failure.problems = (f"Known are: {', '.join(known)}",)
    return failure


@app.command()
def push(
    folder: Folder = HERE,
    course: Course = "",
    lint: Annotated[bool, typer.Option(help="Check the folder here first, as `gradus challenge lint` does.")] = True,
    force: Annotated[bool, typer.Option("--force", help="Push although something else was published.")] = False,
    note: Annotated[str, typer.Option(help="What changes, in a few words. It is listed with the version.")] = "",
    json: Json = False,
) -> None:
    """Upload a course. It becomes a draft, which no learner sees, and this server's workers check it.

    An upload that broke off goes on where it was. Pushing the same content again changes nothing.
    """
    folder = _folder(folder)
    with authoring(json) as api:
        name = archives.course_of(folder, course)
        if lint:
            _lint(folder)
        seen, before = Seen.of(api, name, folder), on_site.draft_or_none(api, name)
        if not seen.live and not force:
            on_site.refuse_used_number(api, name, folder)
        with archives.packed(folder) as (archive, found), _upload_bar() as told:
            given = {"base": seen.live, "force": force, "note": note}
            made = archives.push(api, name, archive, found, given, told)
        if before is not None and before["digest"] != made["digest"]:
            course_output.replaces(before)
        Seen(on_site.live_digest(api, name), found.sha256, on_site.draft_digest(made)).note(api, name, folder)
        showing.say(made, json, course_output.pushed)


def _folder(path: Path) -> Path:
    return path.parent if path.name == "course.yaml" else path


def _lint(folder: Path) -> None:
    """Raises `Failure` with all problems of a folder. Says on standard error what could not be checked here."""
    found = authors.inspected(folder)
    if found.problems:
        lines = tuple(map(str, found.problems))
        told = f"{folder}: {several(len(lines), 'problem')} to correct. --no-lint leaves the checks to the site."
        raise Failure(told, problems=lines, details=tuple(asdict(one) for one in found.problems))
    for line in found.not_checked:
        typer.echo(f"not checked here, but on the site: {line}", err=True)


@contextmanager
def _upload_bar() -> Iterator[archives.Told]:
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn())
    with Progress(*columns, console=showing.messages, transient=True) as progress:
        task = progress.add_task("uploading", total=None)

        def told(done: int, total: int) -> None:
            progress.update(task, completed=done, total=total, description="checking" if done == total else "uploading")

        yield told


@app.command()
def status(
    folder: Folder = HERE,
    course: Course = "",
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Wait until all checks have ended.")] = False,
    findings: Annotated[
        bool, typer.Option("--findings", help="Have the site check the findings, too. It runs each arm once.")
    ] = False,
    json: Json = False,
) -> None:
    """Show the draft of a course, or else what is published: what it changes, its checks and how far they are.

    Exit status: 0 all is verified, 1 a check has failed, 3 checks have not ended yet, or people grade a question.
    """
    folder = _folder(folder)
    with authoring(json) as api:
        name = archives.course_of(folder, course)
        if findings:
            state = on_site.draft_or_live(api, name)["state"]
            api.post(f"courses/{name}/{'draft' if state == 'draft' else 'live'}/findings")
        found = _followed(api, name, quiet=json) if follow else on_site.draft_or_live(api, name)
        replace(Seen.of(api, name, folder), draft=on_site.draft_digest(found)).note(api, name, folder)
        showing.say(found, json, course_output.status)
    if _has_ended(found) and _has_failed(found):
        raise typer.Exit(REFUSED)
    if not _has_ended(found) or not found["is_verified"]:
        raise typer.Exit(NOT_CHECKED)


def _has_ended(version: dict[str, Any]) -> bool:
    """Whether no check waits or runs any more."""
    return not any(run["state"] in ("waiting", "running") for one in version["challenges"] for run in one["runs"])


def _has_failed(version: dict[str, Any]) -> bool:
    return any(run["state"] == "failed" for one in version["challenges"] for run in one["runs"])


def _followed(api: Api, course: str, quiet: bool) -> dict[str, Any]:
    """Waits until all checks have ended, with a bar on standard error. Unless it is to be quiet, it first prints how
    far they are, and then each check that has changed.
    """
    before: dict[str, Any] | None = None
    columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.completed} of {task.total} checks"))
    with Progress(*columns, console=showing.messages, transient=True) as progress:
        task = progress.add_task("checking", total=None)
        while True:
            found = on_site.draft_or_live(api, course)
            progress.update(task, completed=found["progress"]["done"], total=found["progress"]["total"])
            if _has_ended(found):
                return found
            if not quiet:
                course_output.status(found) if before is None else course_output.changes(before, found)
            before = found
            progress.update(task, description=_running(found))
            time.sleep(POLL_SECONDS)


def _running(version: dict[str, Any]) -> str:
    runs = [(one["id"], run) for one in version["challenges"] for run in one["runs"] if run["state"] == "running"]
    return ", ".join(f"{name}: {run['what']} {run['name']}".strip() for name, run in runs[:2]) or "waiting for a worker"


@app.command()
def publish(
    folder: Folder = HERE,
    course: Course = "",
    unverified: Annotated[
        list[str] | None,
        typer.Option(help="A challenge to publish at once, although it is not verified. Give it several times."),
    ] = None,
    all_unverified: Annotated[
        bool, typer.Option("--all-unverified", help="Publish every challenge at once, verified or not.")
    ] = False,
    json: Json = False,
) -> None:
    """Publish the draft of a course. A challenge that is not verified yet goes live as soon as it is.

    A draft that was neither pushed from this folder nor shown on this machine must have the folder's content; with
    --course, the draft is published as it is. The exit status is also 1 if a check of a challenge has failed, so that
    it does not go live.
    """
    folder = _folder(folder)
    with authoring(json) as api:
        name = archives.course_of(folder, course)
        chosen = all_unverified or unverified or False
        seen = Seen.of(api, name, folder).draft
        if not seen and not course:
            on_site.refuse_another_draft(api, name, folder)
        digest = seen or _shown(api, name, live=bool(chosen))
        made = api.post(f"courses/{name}/draft/publish", {"unverified": chosen, "digest": digest})
        _note_live(api, name, folder, made["digest"])
        showing.say(made, json, course_output.published)
    if any(course_output.failed(one) for one in made["challenges"] if one["state"] == "waiting"):
        raise typer.Exit(REFUSED)


def _shown(api: Api, course: str, *, live: bool = False) -> str:
    """Shows a draft that was not shown in this folder before. Returns its digest, which names it to the site.

    With `live`, it is what is live if there is no draft.
    """
    found = on_site.draft_or_live(api, course) if live else api.get(f"courses/{course}/draft")
    course_output.brief(found)
    return str(found["digest"])


def _note_live(api: Api, course: str, folder: Path, digest: str) -> None:
    Seen(digest, Seen.of(api, course, folder).sha256).note(api, course, folder)


@app.command()
def discard(folder: Folder = HERE, course: Course = "", json: Json = False) -> None:
    """Discard the draft of a course. What is published stays as it is."""
    folder = _folder(folder)
    with authoring(json) as api:
        name = archives.course_of(folder, course)
        seen = Seen.of(api, name, folder)
        api.post(f"courses/{name}/draft/discard", {"digest": seen.draft or _shown(api, name)})
        replace(seen, draft="").note(api, name, folder)
        showing.say({"course": name}, json, lambda _: typer.echo(f"The draft of {name} is discarded."))


@app.command()
def versions(folder: Folder = HERE, course: Course = "", json: Json = False) -> None:
    """List all contents that a course had, newest first."""
    with authoring(json) as api:
        name = archives.course_of(_folder(folder), course)
        found = api.get(f"courses/{name}/versions")
        showing.say(found, json, course_output.versions)
        if not json and any(one["is_live"] for one in found):
            course_output.not_live(api.get(f"courses/{name}/live"))


@app.command()
def rollback(
    version: Version,
    folder: Folder = HERE,
    course: Course = "",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only show what would change.")] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask before it is published.")] = False,
    rejudge: Annotated[
        bool, typer.Option("--rejudge", help="Then start to grade old attempts again, as a dry run.")
    ] = False,
    json: Json = False,
) -> None:
    """Publish an earlier content of a course again, under a new number. It asks before anything changes."""
    folder = _folder(folder)
    with authoring(json) as api:
        name = archives.course_of(folder, course)
        planned = api.post(f"courses/{name}/rollback", {"version": version, "dry_run": True})
        if not json or not (dry_run or yes):
            course_output.plan(planned, err=json)
        if dry_run:
            if json:
                showing.as_json(planned)
            return
        if not yes and not typer.confirm(f"Publish the content of {version} as {planned['version']}?", err=True):
            raise typer.Exit(REFUSED)
        draft = api.post(f"courses/{name}/rollback", {"version": version, "digest": planned["digest"]})["draft"]
        # Learners had this content before, so it does not wait for a check that it may have lacked then.
        given = {"unverified": True, "digest": draft["digest"]}
        made = api.post(f"courses/{name}/draft/publish", given)
        _note_live(api, name, folder, made["digest"])
        if rejudge:
            made["regrades"] = _regrades(api, made)
        showing.say(made, json, course_output.rolled_back)
        for one in made.get("regrades", ()):
            typer.echo(f"`gradus challenge rejudge {one} --dry-run` shows what changes in {one}.", err=True)


def _regrades(api: Api, version: dict[str, Any]) -> list[str]:
    """Starts a dry run of a regrade for each challenge that is live with scores of other versions."""
    started = [one["slug"] for one in version["challenges"] if one["scores_waiting"] and one["state"] == "live"]
    for name in started:
        api.post(f"challenges/{name}/regrades", {"note": f"rollback, {version['version']}"})
    return started


@app.command()
def pull(
    folder: Annotated[
        Path | None,
        typer.Argument(metavar="[FOLDER]", help="Where to put the course: here, or a folder named like it."),
    ] = None,
    course: Course = "",
    version: Annotated[str, typer.Option(help="A number that `versions` lists, or `draft`; else what is live.")] = "",
    force: Annotated[bool, typer.Option("--force", help="Overwrite files that you have changed.")] = False,
    json: Json = False,
) -> None:
    """Download the folder of a course, with its hidden rows. The site notes who did.

    A folder that has changed since it was pushed or pulled is never overwritten without --force.
    """
    with authoring(json) as api:
        name = archives.course_of(HERE if folder is None else folder, course)
        folder = folder or (Path(name) if course else HERE)
        seen = Seen.of(api, name, folder)
        with TemporaryFile() as archive:
            api.download(f"courses/{name}/bundle", archive, version=version or None)
            written, kept, sha256 = archives.replace(folder, archive, known=seen.sha256, force=force)
        Seen(on_site.live_digest(api, name), sha256).note(api, name, folder)
        found = {"course": name, "folder": str(folder), "written": written, "only_here": kept}
        showing.say(found, json, course_output.pulled)
