"""What lint asks of `challenge.yaml` beyond its shape: names, marks, baselines, and what the score is made of.

A score may be the worst of several orders of the examples, and tokens may cost a part of it.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping, Sequence

from challenges.check import check
from challenges.field_checks import FieldProblem
from challenges.kinds import registry as kinds
from challenges.lint.label_texts import are_usable, faults
from challenges.lint.subject import Subject
from challenges.metrics import RegisteredMetric, fitting, metrics
from challenges.models.catalogue import MODELS
from challenges.models.chat_templates import has_none
from challenges.models.tokens import counter
from challenges.payloads import Submitted
from challenges.prompts import problem_with
from challenges.rows import Sample
from challenges.spec import Challenge, Json, Label
from challenges.texts import normal

WHOLE = 1e-6
# What stands before the metric where a statement says what the score is: "The score is **", "scored by the ".
IS_SCORE = r"\b(?<!not )scored?\s+(?:is|by|with|as)\s+(?:(?:the|a)\s+)?[*_`]{0,2}"


def lint_spec(subject: Subject) -> None:
    """Names that the catalogue must know, the row template, the marks and every baseline."""
    if kinds.find(subject.challenge.kind).needs_model:
        _names(subject)
        _scoring(subject)
        _answer(subject)
        _calibration(subject)
        if (wrong := problem_with(subject.challenge.prompt.example)) is not None:
            fix = 'write it such as `example: "Question: {input}\\nAnswer: {output}"`'
            subject.spec(wrong, fix, "prompt", "example")
    _marks(subject)
    _feedback(subject)
    _bounds(subject)
    for baseline in subject.bundle.baselines:
        lint_payload(subject, baseline.ref.file, baseline.payload)


def _names(subject: Subject) -> None:
    challenge = subject.challenge
    if challenge.model is None or challenge.model not in MODELS:
        what = f"the model `{challenge.model}` is not in the catalogue"
        subject.spec(what, f"use one of {', '.join(MODELS)}", "model")
    elif challenge.prompt.style == "chat" and _lacks_template(challenge.model):
        what = f"the model `{challenge.model}` has no chat template"
        subject.spec(what, "use `style: completion`, or a model that has one", "prompt", "style")
    if "metric" not in challenge.model_fields_set:
        fix = "write the one that the statement names, such as `metric: {name: accuracy}`"
        subject.advise("the metric is not written, so the score is accuracy", fix)
    _named_metric(subject)
    for name, path in [(challenge.metric.name, "metric"), *((n, "public_metrics") for n in challenge.public_metrics)]:
        _metric(subject, name, path)


def _named_metric(subject: Subject) -> None:
    """The sentence of the statement that says what the score is names the metric that scores."""
    scores, known = subject.challenge.metric.name, metrics()
    for line, name in _said_to_score(subject.bundle.statement, known):
        if name != scores:
            own = known[scores].title if scores in known else scores
            what = f"the statement says that the score is {known[name].title}, and the metric is `{scores}`"
            fix = f"write {own}, or set `metric: {{name: {name}}}`"
            subject.source.add(subject.at("statement.md"), line, what, fix)


def _said_to_score(text: str, known: Mapping[str, RegisteredMetric]) -> Iterator[tuple[int, str]]:
    """Lines and names of the metrics of which a text says that they are the score, by name or by English title."""
    names = {title.casefold(): name for name, metric in known.items() for title in (name, metric.title)}
    listed = "|".join(re.escape(title).replace("\\ ", r"\s+") for title in sorted(names, key=len, reverse=True))
    for match in re.finditer(rf"{IS_SCORE}({listed})(?![\w-])", text, re.IGNORECASE):
        yield text.count("\n", 0, match.start(1)) + 1, names[" ".join(match[1].casefold().split())]


def _lacks_template(model: str) -> bool:
    return MODELS[model].chat == "template" and has_none(model)


def _metric(subject: Subject, name: str, path: str) -> None:
    known, answer = metrics(), subject.challenge.answer
    if name not in known:
        subject.spec(f"the metric `{name}` is not in the catalogue", f"use one of {', '.join(known)}", path)
    elif answer is not None and name not in (fit := fitting(answer.type)):
        needs = " or ".join(known[name].answers)
        subject.spec(f"{name} needs answers of type {needs}", f"use one of {', '.join(fit)}", path)
    elif known[name].of_documents and not kinds.find(subject.challenge.kind).has_documents:
        fix = "use a metric of answers, or a kind that looks answers up"
        subject.spec(f"{name} compares documents, and the challenge has none", fix, path)


def _answer(subject: Subject) -> None:
    answer = subject.challenge.answer
    if isinstance(answer, Label):
        for index, what, fix in faults(answer):
            subject.spec(what, fix, "answer", "labels", index)
    if isinstance(answer, Json):
        for name in answer.weights.keys() - answer.fields.keys():
            fix = "name a field of the schema"
            subject.spec(f"weights names `{name}`, which is no field", fix, "answer", "weights", name)


def _calibration(subject: Subject) -> None:
    """Advises calibration where a prompt's labels are scored and the author has not chosen: a written `none` is a
    choice, and a training run learns the balance of the labels by itself.
    """
    answer = subject.challenge.answer
    if not isinstance(answer, Label) or answer.decode != "score" or "calibrate" in answer.model_fields_set:
        return
    if not all(kinds.find(track).is_trained for track in subject.challenge.tracks):
        what = "labels are scored without calibration, so a label may win because the model prefers its words anyway"
        fix = "try `calibrate: contextual`, and keep what scores higher in `gradus challenge try`; or write "
        fix += "`calibrate: none` to keep it as it is"
        subject.advise(what, fix, "answer", "calibrate")


def _marks(subject: Subject) -> None:
    challenge = subject.challenge
    step = challenge.feedback.step
    others = [("track_gold", mark) for mark in challenge.track_gold.values()]
    for name, mark in (("pass", challenge.pass_), ("gold", challenge.gold), *others):
        if mark is None:
            continue
        if abs(mark / step - round(mark / step)) > WHOLE:
            low = math.floor(mark / step) * step
            fix = f"write {low:g} or {low + step:g}, because shown scores are rounded down to the step"
            subject.spec(f"{name} is no multiple of the feedback step {step:g}", fix, name)
    if challenge.pass_ == 0:
        subject.spec("pass is 0, so that anything passes", "set it above the weak baseline", "pass")


def _feedback(subject: Subject) -> None:
    challenge = subject.challenge
    if challenge.feedback.mode != "ladder":
        return
    if challenge.public_metrics:
        what = "public metrics would tell of each attempt what the ladder keeps back"
        subject.spec(what, "leave them out, or set feedback.mode to rounded", "public_metrics")
    if kinds.find(challenge.kind).is_judged:
        what = f"a {challenge.kind} grade shows its marks, so a ladder would hide nothing"
        subject.spec(what, "set feedback.mode to rounded", "feedback", "mode")


def _bounds(subject: Subject) -> None:
    challenge = subject.challenge
    weak = [(i, ref.max) for i, ref in enumerate(challenge.baselines) if ref.min is None and ref.max is not None]
    for index, most in weak:
        if most >= challenge.pass_:
            what = f"the weak baseline may reach {most:g}, and pass is {challenge.pass_:g}"
            subject.spec(what, "raise pass, or lower max", "baselines", index, "max")
    for index, ref in enumerate(challenge.baselines):
        if ref.min is not None and ref.max is not None and ref.min > ref.max:
            subject.spec("min is above max", "swap them", "baselines", index)
    if not weak:
        fix = f"add one that has only `max`, below pass ({challenge.pass_:g})"
        subject.spec("no weak baseline shows that passing takes work", fix, "baselines")
    if not any(ref.min is not None and ref.min >= challenge.pass_ for ref in challenge.baselines):
        what = "no baseline shows that the pass mark can be reached"
        subject.spec(what, f"add one whose `min` is pass ({challenge.pass_:g}) or more, or lower pass", "baselines")


def lint_payload(subject: Subject, name: str, payload: Submitted) -> None:
    """What a submit of the payload in `name`, a file of the challenge's folder, would be refused for; and leaks."""
    file = subject.at(name)
    for problem in refusals(subject.challenge, payload, subject.bundle.public):
        if problem.code == "unknown_label" and not are_usable(subject.challenge.answer):
            continue
        located = subject.source.yaml(file)
        path = problem.field.split(".")
        number = [] if problem.line is None else [problem.line - 1]
        line = located.line(*path, *number) if located else None
        what = f"a submit would be refused ({problem.code}) because of `{problem.field}`"
        subject.source.add(file, line, what, problem.message)
    _leaks(subject, file, payload)


def refusals(challenge: Challenge, payload: Submitted, public: Sequence[Sample] = ()) -> list[FieldProblem]:
    """What the site would refuse a submission for; without the limits in tokens where the tokenizer is not here."""
    return check(challenge, payload, counter(challenge.model) or _uncounted, public)


def _uncounted(text: str) -> int:
    """Where the tokenizer is not at hand, token limits are left to `gradus challenge test`."""
    return 0


def _leaks(subject: Subject, file: str, payload: Submitted) -> None:
    hidden = {normal(sample.input) for sample in subject.bundle.hidden}
    kind = kinds.find(payload.kind)
    field = kind.rows_field or "examples"
    for number, text in enumerate(kind.inputs(payload)):
        if normal(text) in hidden:
            located = subject.source.yaml(file)
            line = located.line(field, number) if located else None
            what = f"number {number + 1} of {field} is a hidden row, so the baseline proves nothing"
            subject.source.add(file, line, what, "take a row of your own")


def _scoring(subject: Subject) -> None:
    _orders(subject)
    _budget(subject)


def _orders(subject: Subject) -> None:
    challenge, count = subject.challenge, subject.challenge.metric.orders
    if count == 1:
        return
    at = ("metric", "orders")
    if not any(kinds.find(track).has_examples for track in challenge.tracks):
        subject.spec("no track of the challenge takes examples", "remove orders", *at)
        return
    if (metric := metrics().get(challenge.metric.name)) and metric.of_documents:
        fix = "remove orders, or use a metric of answers"
        subject.spec(f"{challenge.metric.name} does not depend on the order of examples", fix, *at)
    if challenge.limits.examples_max < count:
        what = f"{challenge.limits.examples_max} examples have fewer than {count} orders"
        subject.spec(what, f"raise limits.examples_max to {count} or more, or lower orders", *at)
    most = max((len(getattr(one.payload, "examples", ())) for one in subject.bundle.baselines), default=0)
    if most < count:
        what = f"no baseline has {count} examples, so none is tried in {count} orders"
        subject.spec(what, "add one with that many", *at)


def _budget(subject: Subject) -> None:
    """A budget that a learner can keep to: some baseline that passes has a factor that lets it."""
    challenge, budget = subject.challenge, subject.challenge.metric.tokens
    count = counter(challenge.model)
    if budget is None:
        return
    at = ("metric", "tokens")
    if budget.free >= challenge.limits.prompt_tokens_max:
        what = f"prompts have at most {challenge.limits.prompt_tokens_max} tokens, so the budget costs nobody anything"
        subject.spec(what, "lower free, or raise limits.prompt_tokens_max", *at)
    if count is None:
        return
    for index, baseline in enumerate(subject.bundle.baselines):
        kind, wanted = kinds.find(baseline.payload.kind), baseline.ref.min
        # What is counted of a training run is not what the model reads.
        use = None if kind.is_trained else kind.tokens(challenge, baseline.payload, count)
        if use is not None and wanted is not None and (factor := budget.factor(use.used)) < wanted:
            what = f"{use.used} tokens give the factor {factor:.2f}, so that the score cannot reach {wanted:.2f}"
            subject.spec(what, "shorten the baseline, lower its min, or raise metric.tokens", "baselines", index, "min")
