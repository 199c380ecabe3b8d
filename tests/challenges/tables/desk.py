"""Tables made by code: a support desk's messages with labels, notices as JSON fields, and questions about documents."""

from __future__ import annotations

import csv
import io
import random
from collections.abc import Mapping, Sequence
from typing import Any

THINGS = (
    "laser printer", "standing desk", "espresso machine", "garden hose", "e-bike battery", "hearing aid", "tent",
    "violin case", "sewing machine", "baby monitor", "roof rack", "water filter", "chess clock", "welding mask",
    "telescope", "rice cooker", "fish tank pump", "road atlas", "yoga mat", "drill", "piano stool", "snow shovel",
    "wine fridge", "drone", "bread slicer", "microscope", "camping stove", "door bell", "label maker", "projector",
)  # fmt: skip
WHO = (
    "my grandmother in Leeds", "our scout group", "the night shift", "a school in Bergen", "two flatmates",
    "the vet practice", "my choir", "a beekeeper", "our football club", "the harbour office", "a retired pilot",
    "the village library", "my twin brother", "a food truck", "the orchestra", "our allotment", "a nursing home",
    "the climbing hall", "my landlord", "a wedding planner", "the museum shop", "a tram driver", "our kindergarten",
)  # fmt: skip
WHEN = (
    "since the thunderstorm on Sunday", "for three weeks now", "right before the holidays", "after the last update",
    "on every second try", "whenever it rains", "since we moved house", "between noon and two", "as of this morning",
    "during the heat wave", "ever since the courier came", "on the ferry last month", "after one single use",
)  # fmt: skip
CAUSES: Mapping[str, Sequence[str]] = {
    "Billing": (
        "was charged twice for the {thing}", "got an invoice with the wrong VAT number for the {thing}",
        "paid by bank transfer and gets reminders about the {thing}", "sees a fee for the {thing} nobody asked for",
        "wants the receipt of the {thing} split between two people", "used a voucher that did nothing for the {thing}",
        "had the card declined although the {thing} was reserved", "asks for a direct debit instead for the {thing}",
    ),
    "Delivery": (
        "waits for the {thing} that was promised for Tuesday", "found the {thing} left in the neighbour's bin shed",
        "received a {thing} in place of something quite different", "tracked the {thing} to a depot in Portugal",
        "needs the {thing} sent to another street", "got half of the boxes of the {thing}",
        "was told the {thing} had been signed for by a stranger", "asks whether the {thing} can come by boat",
    ),
    "Repair": (
        "hears a grinding noise from the {thing}", "cannot switch the {thing} off any more",
        "smells burning plastic near the {thing}", "dropped the {thing} and one hinge came off",
        "sees error seven on the {thing}", "has water dripping out of the {thing}",
        "lost the small key that opens the {thing}", "finds that the {thing} stops after a minute",
    ),
    "Account": (
        "forgot the password with which the {thing} was registered", "wants to delete the profile made for the {thing}",
        "gets the newsletter about the {thing} in Finnish", "cannot change the e-mail address behind the {thing}",
        "has two logins since buying the {thing}", "was locked out after typing the {thing} code wrongly",
        "wants a colleague to see the orders of the {thing}", "asks who else can read the notes on the {thing}",
    ),
    "Praise": (
        "is delighted with the {thing} and says thanks", "recommends the {thing} to the whole street",
        "wrote a poem about the {thing}", "found the packer's drawing inside the {thing} box charming",
        "says the {thing} is better than the one of thirty years ago", "sends a photo of the {thing} with a cat on it",
    ),
}  # fmt: skip
MORE = (
    "Nobody picks up the phone.", "Please write in large letters, because the person reading this has weak eyes.",
    "We keep the packaging in the cellar, next to the skis and a broken lamp.", "There is no hurry at all.",
    "The serial number has been rubbed off, but it began with a seven.", "A cousin who knows about such things looked "
    "at it for an hour and shook her head.", "I would come by on Friday if somebody is there before nine.",
    "The last answer was friendly and of no use.", "Our street is closed to lorries until the fair is over.",
    "It was a present, which makes the whole thing a little awkward.", "Once more the chat window closed by itself.",
)  # fmt: skip
LABELS = tuple(CAUSES)


def message(draw: random.Random, label: str, length: float = 0.45) -> str:
    """A message to the desk; `length` is the probability of each further sentence."""
    cause = draw.choice(CAUSES[label]).format(thing=draw.choice(THINGS))
    who, when = draw.choice(WHO), draw.choice(WHEN)
    text = draw.choice((f"{who} {cause} {when}.", f"{when}, {who} {cause}.", f"About {who}: someone {cause}, {when}."))
    while draw.random() < length:
        text += f" {draw.choice(MORE)}"
    return text[0].upper() + text[1:]


def support_desk(count: int = 600, seed: int = 1, skew: Sequence[float] = (4, 3, 3, 2, 2)) -> list[dict[str, str]]:
    """Rows with `ticket`, `message` and `team`. Of a hundred rows about four nearly repeat others, and one is equal."""
    draw = random.Random(seed)
    rows: list[dict[str, str]] = []
    for number in range(count):
        label = draw.choices(LABELS, skew)[0]
        text = message(draw, label)
        if rows and draw.random() < 0.05:
            other = draw.choice(rows)
            label = other["team"]
            text = other["message"] + draw.choice(("", " !", " Thanks.", " Please help.", " Best regards."))
        rows.append({"ticket": f"T-{number:05}", "message": text, "team": label})
    return rows


def notices(count: int = 400, seed: int = 2) -> list[dict[str, str]]:
    """Rows with `text`, and `topic`, `urgent` and `about` for a JSON answer."""
    draw = random.Random(seed)
    rows = []
    for _ in range(count):
        label = draw.choices(LABELS, (5, 4, 3, 1, 1))[0]
        text = message(draw, label, draw.choice((0.1, 0.8)))
        about = next(thing for thing in THINGS if thing in text)
        rows.append({"text": text, "topic": label.lower(), "urgent": draw.choice(("yes", "no", "no")), "about": about})
        if draw.random() < 0.06:
            rows.append(rows[-1] | {"text": f"{text} Thank you!"})
    return rows


def questions(count: int = 300, seed: int = 3) -> list[dict[str, Any]]:
    """Rows with `question`, `answers` and `pages`; a fifth of them is answered by no page."""
    draw = random.Random(seed)
    rows: list[dict[str, Any]] = []
    for _ in range(count):
        text = message(draw, draw.choice(LABELS), 0.3).rstrip(".") + ": what now?"
        page = [] if draw.random() < 0.2 else [f"page-{draw.randrange(12)}"]
        answer = ["write to the desk", "a letter to the desk"] if page else ["the corpus does not say"]
        rows.append({"question": text, "answers": answer, "pages": page})
        if draw.random() < 0.06:
            rows.append(rows[-1] | {"question": f"Hello! {text}"})
    return rows


def as_csv(rows: Sequence[Mapping[str, Any]], delimiter: str = ",") -> str:
    """The rows as CSV with a first line of names."""
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, list(rows[0]), delimiter=delimiter)
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()
