"""What lint asks of a score that is the worst of several orders of the examples, or that tokens cost a part of."""

from __future__ import annotations

from challenges.kinds import registry as kinds
from challenges.lint.subject import Subject
from challenges.metrics import metrics
from challenges.models.tokens import counter


def lint_scoring(subject: Subject) -> None:
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
    if (found := metrics().get(challenge.metric.name)) and found.of_documents:
        mend = "remove orders, or use a metric of answers"
        subject.spec(f"{challenge.metric.name} does not depend on the order of examples", mend, *at)
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
