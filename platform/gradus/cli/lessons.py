"""The commands about lessons: reading one, its advisor, its demo and search, its questions and its findings."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from gradus.cli import output as showing
from gradus.cli.client import Api
from gradus.cli.learners import Json, finish, show_answer, site

app = typer.Typer()
Lesson = Annotated[str, typer.Argument(metavar="LESSON", help="The lesson's id, as `gradus lessons` lists it.")]
Text = Annotated[str, typer.Argument(help="Your own text.")]
Answers = Annotated[
    list[str] | None,
    typer.Option("--answer", help="QUESTION=CHOICE, several times. Without any, each question is asked."),
]


@app.command()
def lessons(json: Json = False) -> None:
    """List the lessons, and what comes next in each course."""
    with site() as api:
        paths = [api.get(f"courses/{course['id']}/path") for course in api.get("courses")]
        showing.say(paths, json, _paths)


def _paths(paths: list[dict[str, Any]]) -> None:
    for path in paths:
        rows = [(one["id"], one["title"], one["state"], f"{one['minutes']} min") for one in path["lessons"]]
        showing.table(path["title"], ("Lesson", "Title", "State", "Time"), rows)
        showing.out.print(f"Next: {path['next']}" if path["next"] else "Nothing is left to do.", markup=False)


def lesson(lesson: Lesson, json: Json = False) -> None:
    """Show a lesson: its text, its questions and answers, and its challenges."""
    show_answer(lambda api: api.get(f"lessons/{lesson}"), json, _lesson)


def _lesson(found: dict[str, Any]) -> None:
    showing.markdown(f"# {found['title']}\n\n{found['text']}")
    for item in found["faq"]:
        showing.markdown(f"## {item['question']}\n\n{item['answer']}")
    showing.out.print(f"Challenges: {', '.join(found['challenges'])}", markup=False)


@app.command()
def advise(lesson: Lesson, answer: Answers = None, json: Json = False) -> None:
    """Ask the advisor of a lesson which approach fits a use case."""
    given = dict(_pair(one) for one in answer or [])
    with site() as api:
        questions = api.get(f"lessons/{lesson}")["advisor"]
        if not given:
            given = {question["id"]: _asked(question) for question in questions}
        showing.say(api.post(f"lessons/{lesson}/advisor", {"answers": given}), json, _advice)


def _advice(found: dict[str, Any]) -> None:
    for title, approaches in (("Recommended", "recommended"), ("Try first", "try_first")):
        rows = [(one["title"], one["first_step"]) for one in found[approaches]]
        if rows:
            showing.table(title, ("Approach", "First step"), rows)
    for reason in found["reasons"]:
        showing.out.print(f"{reason['approach']}: {reason['text']}", markup=False)
    if found["unanswered"]:
        showing.out.print(f"Not answered: {', '.join(found['unanswered'])}.", markup=False)


def _pair(text: str) -> tuple[str, str]:
    question, equals, choice = text.partition("=")
    if not equals:
        raise typer.BadParameter(f"Write QUESTION=CHOICE, not {text}.", param_hint="--answer")
    return question.strip(), choice.strip()


def _asked(question: dict[str, Any]) -> str:
    typer.echo(question["text"], err=True)
    for number, choice in enumerate(question["choices"], 1):
        typer.echo(f"  {number}. {choice['label']}", err=True)
    number = typer.prompt("Number", type=int, err=True)
    if not 1 <= number <= len(question["choices"]):
        raise typer.BadParameter(f"Choose a number from 1 to {len(question['choices'])}.")
    return str(question["choices"][number - 1]["id"])


@app.command()
def demo(lesson: Lesson, text: Text) -> None:
    """Ask the demo of a lesson: one model, zero-shot, few-shot and fine-tuned."""
    with site() as api:
        made = api.post(f"lessons/{lesson}/demo", {"text": text})
        if made["notice"]:
            showing.out.print(made["notice"], markup=False)
        _follow(api, made["runs"])


@app.command()
def search(lesson: Lesson, text: Text) -> None:
    """Search the documents of a lesson by words, by vectors and by both."""
    with site() as api:
        _follow(api, api.post(f"lessons/{lesson}/retriever", {"text": text})["runs"])


def _follow(api: Api, runs: list[dict[str, Any]]) -> None:
    for run in runs:
        for _ in api.events(f"runs/{run['uuid']}/events"):
            pass
        found = api.get(f"runs/{run['uuid']}")
        showing.asked(found)


@app.command()
def questions(lesson: Lesson, json: Json = False) -> None:
    """Show the questions of a lesson, with what you answered and what is explained."""
    show_answer(lambda api: api.get(f"lessons/{lesson}/questions"), json, _questions)


def _questions(found: dict[str, Any]) -> None:
    for question in found["questions"]:
        showing.question(question)


@app.command()
def answer(
    lesson: Lesson,
    question: Annotated[str, typer.Argument(help="The question's id, as `gradus questions` lists it.")],
    option: Annotated[int, typer.Argument(min=1, help="The number of the option, from 1.")],
) -> None:
    """Answer a question of a lesson. Your first answer counts."""
    with site() as api:
        showing.question(api.post(f"lessons/{lesson}/questions/{question}", {"option": option - 1}))


@app.command()
def findings(lesson: Lesson, json: Json = False) -> None:
    """Show what was measured for a lesson."""
    show_answer(lambda api: api.get(f"lessons/{lesson}/findings"), json, _findings)


def _findings(found: list[dict[str, Any]]) -> None:
    for finding in found:
        showing.out.print(f"{finding['id']}: {finding['statement'] or finding['title']}", markup=False)
        for experiment in finding["experiments"]:
            rows = [
                (arm["id"], arm["title"], len(arm["runs"]), ", ".join(_means(arm["mean"])))
                for arm in experiment["arms"]
            ]
            showing.table(experiment["challenge"], ("Arm", "Title", "Runs", "Mean"), rows)


def _means(mean: dict[str, float]) -> list[str]:
    return [f"{measure} {value:.3f}" for measure, value in mean.items()]


@app.command("finding-run")
def finding_run(
    lesson: Lesson,
    finding: Annotated[str, typer.Argument(help="The finding's id, as `gradus findings` lists it.")],
    repetition: Annotated[int | None, typer.Option(min=1, help="Which of the author's repetitions to run.")] = None,
    own_set: Annotated[bool, typer.Option("--own-set", help="Draw a set of examples for you alone.")] = False,
) -> None:
    """Run the prompts of a finding's experiment on the public samples. It costs no attempt."""
    body: dict[str, Any] = {"own_set": own_set} | ({} if repetition is None else {"repetition": repetition})
    with site() as api:
        for run in api.post(f"lessons/{lesson}/findings/{finding}/runs", body)["runs"]:
            finish(api, f"runs/{run['uuid']}", json=False)
