"""The commands of learners, such as `gradus login`, `gradus run` and `gradus submit`.

Exit status: 0 success, 1 refused, 2 wrong usage, 4 the site does not answer, 5 not signed in.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer

from challenges.texts import several
from gradus.cli import output as showing
from gradus.cli import payload_files as sending
from gradus.cli.client import REFUSED, Api, Config, Failure

app = typer.Typer(no_args_is_help=True)
tokens = typer.Typer(no_args_is_help=True, help="Tokens for scripts.")
app.add_typer(tokens, name="token")

Slug = Annotated[str, typer.Argument(metavar="CHALLENGE", help="The challenge's id, as `gradus challenges` lists it.")]
File = Annotated[
    Path | None,
    typer.Argument(metavar="FILE", help="A payload in YAML or JSON, or an answer in .txt or .md; - is standard input."),
]
Rows = Annotated[Path | None, typer.Option("--rows", help="Training rows as JSON Lines, for a track that trains.")]
Quote = Annotated[
    list[str] | None,
    typer.Option("--quote", help="A row of your own run that the answer quotes; once for each row."),
]
OfRun = Annotated[
    uuid.UUID | None, typer.Option("--of-run", help="The run that --quote names rows of; without it the newest one.")
]
Method = Annotated[str | None, typer.Option("--method", help="How to train: lora, qlora, full or dpo.")]
Email = Annotated[str, typer.Option(prompt=True, help="The email of your account.")]
Password = Annotated[str, typer.Option(prompt=True, hide_input=True, envvar="GRADUS_PASSWORD", help="Asked for.")]
Name = Annotated[str, typer.Option(help="What the token is for; your profile lists it.")]
Days = Annotated[int | None, typer.Option(min=1, help="After how many days the token expires. The site has a default.")]
Content = Annotated[
    str, typer.Option(help="What the token may do with course content: none, previewer, viewer, editor or owner.")
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON, as the site's API answers it, and nothing else.")]
LearnerData = Annotated[
    str, typer.Option(help="What the token may do with other people's answers and grades: none, viewer or editor.")
]
METHODS = ("Method", "Attempt", "Score", "Tokens", "Time", "Training", "1,000 requests", "with caching")
VOLUMES = ("Method", "Attempt", "in money", "with caching", "in computing time")


@contextmanager
def site(config: Config | None = None) -> Iterator[Api]:
    """Yields a client of the site. A `Failure` is printed and becomes the exit status."""
    try:
        with Api(config or Config.load()) as api:
            yield api
    except Failure as failure:
        typer.echo(str(failure), err=True)
        for problem in failure.problems:
            typer.echo(problem, err=True)
        raise typer.Exit(failure.code) from None


def show_answer(call: Callable[[Api], Any], as_json: bool, show: Callable[[Any], None]) -> None:
    """Calls the site, and prints its answer as JSON for programs, or as `show` lays it out for people."""
    with site() as api:
        answer = call(api)
    showing.say(answer, as_json, show)


@app.command()
def login(
    email: Annotated[str, typer.Option(help="The email of your account.")] = "",
    url: Annotated[str, typer.Option(help="Where the site is.")] = "",
    token: Annotated[str, typer.Option(help="A token from your profile, in place of email and password.")] = "",
    days: Days = None,
    content: Content = "none",
    learner_data: LearnerData = "none",
) -> None:
    """Sign in and store a token in ~/.config/gradus/config.toml."""
    with site() as api:
        where = (url or api.config.url).rstrip("/")
        wanted = _wanted("gradus login", days, content, learner_data)
        secret = token or _new_token(Config(where), email or typer.prompt("Email"), wanted)
        config = Config(where, secret)
        with Api(config) as mine:
            mine.get("submissions", limit=1)
        typer.echo(f"Signed in at {where}. The token is in {config.save()}.")


def _wanted(name: str, days: int | None, content: str, learner_data: str) -> dict[str, Any]:
    """The body that asks for a token. The site chooses the days where none are named."""
    body: dict[str, Any] = {"name": name, "content": content, "learner_data": learner_data}
    return body if days is None else {**body, "days": days}


def _new_token(config: Config, email: str, wanted: dict[str, Any]) -> str:
    password = typer.prompt("Password", hide_input=True)
    return _token(config, {"email": email, "password": password, **wanted})


@tokens.command("create")
def token_create(
    email: Email,
    password: Password,
    name: Name = "command line",
    days: Days = None,
    content: Content = "none",
    learner_data: LearnerData = "none",
) -> None:
    """Make a token and print it. It is shown only this once."""
    wanted = _wanted(name, days, content, learner_data)
    with site() as api:
        typer.echo(_token(Config(api.config.url), {"email": email, "password": password, **wanted}))


def _token(config: Config, body: dict[str, Any]) -> str:
    """Issues a token. The request is sent without the stored token, which may have been revoked."""
    with Api(Config(config.url)) as api:
        made: dict[str, str] = api.post("tokens", body)
    return made["token"]


@app.command()
def challenges(json: Json = False) -> None:
    """List the challenges with your progress."""
    with site() as api:
        paths = [api.get(f"courses/{course['id']}/path") for course in api.get("courses")]
        showing.say(paths, json, showing.paths)


@app.command()
def show(challenge: Slug, json: Json = False) -> None:
    """Show a challenge: its statement, its limits and the attempts that you have left."""
    show_answer(lambda api: api.get(f"challenges/{challenge}"), json, showing.challenge)


@app.command()
def run(
    challenge: Slug,
    file: File = None,
    rows: Rows = None,
    method: Method = None,
    quote: Quote = None,
    of_run: OfRun = None,
    json: Json = False,
) -> None:
    """Run a payload on the public samples. It costs no attempt."""
    with site() as api:
        data = _quoting(api, challenge, _payload(api, challenge, file, rows, method), quote, of_run)
        made = api.post(f"challenges/{challenge}/runs", data)
        finish(api, f"runs/{made['uuid']}", json)


@app.command()
def submit(
    challenge: Slug,
    file: File = None,
    rows: Rows = None,
    method: Method = None,
    quote: Quote = None,
    of_run: OfRun = None,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Wait for the grade.")] = False,
    key: Annotated[str, typer.Option(help="An Idempotency-Key: sent twice with one payload, it is one attempt.")] = "",
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Agree that an earlier answer may be withdrawn.")] = False,
    of_class: Annotated[
        int, typer.Option("--class", help="The class for which the attempt counts, if you are in two or more.")
    ] = 0,
    json: Json = False,
) -> None:
    """Submit an attempt, which is graded on hidden samples.

    Only your latest answer in free text waits for a person. The command asks before an earlier one is withdrawn.
    """
    with site() as api:
        data = _quoting(api, challenge, _payload(api, challenge, file, rows, method), quote, of_run)
        path = f"challenges/{challenge}/submissions"
        made = _handed_in(api, path, data, key or str(uuid.uuid4()), yes, **{"class": of_class or None})
        typer.echo(made["uuid"], err=json)
        if follow:
            finish(api, f"submissions/{made['uuid']}", json)
        elif json:
            showing.as_json(made)
        else:
            left = several(made["attempts_left"], "attempt")
            typer.echo(f"{left} left today. `gradus logs -f {made['uuid']}` follows it.")


@app.command("own-runs")
def own_runs(challenge: Slug, json: Json = False) -> None:
    """List rows of your own runs that an answer to this question can quote with `gradus submit --quote`."""
    show_answer(lambda api: api.get(f"challenges/{challenge}/own-runs"), json, showing.own_runs)


def _handed_in(api: Api, path: str, data: dict[str, Any], key: str, yes: bool, **params: Any) -> Any:
    """Submits, and asks first if that would withdraw an earlier attempt. `yes` agrees, after the same words."""
    try:
        return api.post(path, data, key=key, **params)
    except Failure as failure:
        if failure.reason != "earlier_waits":
            raise
        typer.echo(str(failure), err=True)
    if not yes and not typer.confirm("Hand it in, and withdraw the earlier attempt in that case?", err=True):
        raise typer.Exit(REFUSED)
    return api.post(path, data, key=key, withdraw_earlier="true", **params)


@app.command()
def submissions(
    challenge: Annotated[str | None, typer.Option(help="List only submissions of this challenge.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=200)] = 20,
    json: Json = False,
) -> None:
    """List your submissions, newest first."""
    show_answer(lambda api: api.get("submissions", challenge=challenge, limit=limit), json, showing.submissions)


@app.command()
def logs(
    identifier: Annotated[uuid.UUID, typer.Argument(metavar="UUID", help="The id of a submission or a run.")],
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Show its events until it has ended.")] = False,
    json: Json = False,
) -> None:
    """Show a submission or a run. With -f, show its events until it has ended."""
    with site() as api:
        path = path_of(api, identifier)
        if follow:
            finish(api, path, json)
        else:
            _show(api, path, json)


@app.command()
def chat(
    identifier: Annotated[
        uuid.UUID, typer.Argument(metavar="SUBMISSION", help="The id, as `gradus submissions` lists it.")
    ],
    text: Annotated[str, typer.Argument(help="What the base model and your trained model answer.")],
    plain: Annotated[bool, typer.Option("--plain", help="Ask with the base model's chat template.")] = False,
    json: Json = False,
) -> None:
    """Ask the base model and the model that an attempt has trained the same."""
    with site() as api:
        body = {"text": text, "style": "plain" if plain else "challenge"}
        path = f"runs/{api.post(f'submissions/{identifier}/chat', body)['uuid']}"
        for _ in api.events(f"{path}/events"):
            pass
        found = api.get(f"{path}/chat")
        showing.say(found, json, showing.chat)
        if found["status"] != "scored":
            raise typer.Exit(REFUSED)


@app.command()
def appeal(
    identifier: Annotated[
        uuid.UUID, typer.Argument(metavar="SUBMISSION", help="The id, as `gradus submissions` lists it.")
    ],
    reason: Annotated[str, typer.Option(help="What the grade overlooks, in a sentence or two.")],
    json: Json = False,
) -> None:
    """Appeal against the grade of a free-text answer."""
    if not reason.strip():
        raise typer.BadParameter("Say in a sentence or two what the grade overlooks.", param_hint="--reason")
    with site() as api:
        showing.say(api.post(f"submissions/{identifier}/appeal", {"text": reason}), json, showing.appeal)
        typer.echo(f"`gradus logs {identifier}` shows the outcome.", err=json)


@app.command()
def leaderboard(
    challenge: Slug,
    track: Annotated[str | None, typer.Option(help="The track's name, as `gradus show` lists it.")] = None,
    page: Annotated[int, typer.Option(min=1)] = 1,
    season: Annotated[
        int | None, typer.Option("--season", min=0, help="The number of a season that has ended; 0 is the first one.")
    ] = None,
    json: Json = False,
) -> None:
    """Show the leaderboard of a challenge, with your own rank."""
    given = {"track": track, "page": page, "season": season}
    show_answer(lambda api: api.get(f"challenges/{challenge}/leaderboard", **given), json, showing.leaderboard)


@app.command()
def costs(
    challenge: Slug,
    read: Annotated[float | None, typer.Option("--input", help="The price of a million tokens read.")] = None,
    cached: Annotated[float | None, typer.Option(help="The price of a million tokens read from the cache.")] = None,
    output: Annotated[float | None, typer.Option(help="The price of a million tokens written.")] = None,
    training: Annotated[float | None, typer.Option(help="The price of an hour of training.")] = None,
    json: Json = False,
) -> None:
    """Show what each method costs on a challenge, and when training pays. Prices that you leave out are the site's."""
    prices = {"input": read, "cached": cached, "output": output, "training": training}
    show_answer(lambda api: api.get(f"challenges/{challenge}/costs", **prices), json, _costs)


def _payload(api: Api, challenge: str, file: Path | None, rows: Path | None, method: str | None) -> dict[str, Any]:
    """What the files hold. The challenge says which kinds it accepts."""
    return sending.payload(file, rows, api.get(f"challenges/{challenge}")["tracks"], method)


def _quoting(
    api: Api, challenge: str, data: dict[str, Any], ids: list[str] | None, run: uuid.UUID | None
) -> dict[str, Any]:
    """The payload with the rows of a run of the learner's own that are to be quoted, if there are any."""
    if not ids:
        return data
    return {**data, "own_run": sending.own_run(api.get(f"challenges/{challenge}/own-runs"), ids, run)}


def _costs(found: dict[str, Any]) -> None:
    """Prints the answer of `GET /challenges/ID/costs`."""
    prices = found["prices"]
    unit = prices["currency"]
    showing.out.print(
        f"Prices in {unit}: {prices['input']:g} per million tokens read, {prices['cached']:g} from the cache, "
        f"{prices['output']:g} written; {prices['training']:g} per hour of training.",
        markup=False,
    )
    showing.table(f"What each method costs in {unit}", METHODS, [_cost(one) for one in found["costs"]])
    if found["break_even"]:
        title = f"Requests until training has paid, beside {found['compared_with']}"
        showing.table(title, VOLUMES, [_volumes(one) for one in found["break_even"]])


def _cost(one: dict[str, Any]) -> list[str]:
    ends = f" ({showing.number(one['low'])}-{showing.number(one['high'])})" if one["low"] is not None else ""
    tokens, spent = one["tokens_read"], one["training_seconds"]
    return [
        one["title"],
        one["name"],
        showing.number(one["score"]) + ends,
        f"{tokens['value']:.0f}" if tokens else "?",
        f"{one['ms']['value']:.1f} ms" if one["ms"] else "?",
        f"{spent[0]} s" if spent else "",
        _money(one["per_thousand"]),
        _money(one["per_thousand_cached"]),
    ]


def _money(spread: dict[str, Any] | None) -> str:
    return f"{spread['value']:.4f}" if spread else "?"


def _volumes(one: dict[str, Any]) -> list[str]:
    return [one["title"], one["name"], *(_volume(one, name) for name in ("money", "money_cached", "time"))]


def _volume(one: dict[str, Any], name: str) -> str:
    if name not in one["known"]:
        return "?"
    volume = one[name]
    if volume is None:
        return "never"
    if volume["low"] is None:
        return f"{volume['requests']:,}"
    high = "more" if volume["high"] is None else f"{volume['high']:,}"
    return f"{volume['requests']:,} ({volume['low']:,} to {high})"


def path_of(api: Api, identifier: uuid.UUID) -> str:
    """Returns the path of a submission, or else of a run, with this id."""
    try:
        api.get(f"submissions/{identifier}")
    except Failure as failure:
        if failure.code != REFUSED:
            raise
        return f"runs/{identifier}"
    return f"submissions/{identifier}"


def finish(api: Api, path: str, json: bool) -> None:
    """Follows a submission or a run to its end, and shows it. Exits with status 1 if it has failed."""
    with showing.Follower(stderr=json) as follower:
        follower.say(api.get(path)["takes"])
        for event in api.events(f"{path}/events"):
            follower.show(event)
    found = _show(api, path, json)
    if found["status"] not in ("scored", "review", "withheld"):
        raise typer.Exit(REFUSED)


def _show(api: Api, path: str, json: bool) -> dict[str, Any]:
    found: dict[str, Any] = api.get(path)
    if json:
        showing.as_json(found)
        return found
    challenge = api.get(f"challenges/{found['challenge']}")
    showing.result(found, showing.samples_of(challenge))
    return found
