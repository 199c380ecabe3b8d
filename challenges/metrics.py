"""The registry of metrics. One line gives a metric its name, its title, the answers it fits and its function."""

from __future__ import annotations

from dataclasses import dataclass

from challenges.registry import RegistryError, load, registered
from challenges.spec import Metric
from challenges.translation import gettext, gettext_noop, translated

GROUP = "gradus.metrics"
ANY = ("label", "json", "text")


@dataclass(frozen=True)
class RegisteredMetric:
    """A metric that a challenge may name. `answers` are the answer types that it can compare.

    `function` is the dotted path of a `graders.metrics.MetricFunction`, which is imported when something is graded.
    `in_findings` is false for a metric that is not the mean of its rows' scores: a finding resamples rows, so it could
    not compare that metric. (Macro F1 is the one exception, which `graders.differences` computes itself.)
    `of_documents` says that it compares the documents that were found with those that hold the answer, and no texts.
    Where all metrics of a challenge do, no model is asked: what it would write could not change the score.
    """

    title: str
    answers: tuple[str, ...]
    function: str
    in_findings: bool = True
    of_documents: bool = False


BUILT_IN = {
    "accuracy": RegisteredMetric(gettext_noop("Accuracy"), ANY, "graders.metrics:accuracy"),
    "macro_f1": RegisteredMetric(gettext_noop("Macro F1"), ("label",), "graders.metrics:macro_f1"),
    "adjusted_balanced_accuracy": RegisteredMetric(
        gettext_noop("Balanced accuracy above chance"),
        ("label",),
        "graders.metrics:adjusted_balanced_accuracy",
        in_findings=False,
    ),
    "exact_match": RegisteredMetric(gettext_noop("Exact match"), ANY, "graders.metrics:exact_match"),
    "json_fields": RegisteredMetric(gettext_noop("Field accuracy"), ("json",), "graders.metrics:json_fields"),
    "token_f1": RegisteredMetric(gettext_noop("Token F1"), ("text",), "graders.metrics:answer_f1"),
    "required_content": RegisteredMetric(
        gettext_noop("Required content"), ("text",), "graders.metrics:required_content"
    ),
    "hit_rate": RegisteredMetric(gettext_noop("Hit rate"), ("text",), "graders.metrics:hit_rate", of_documents=True),
    "mrr": RegisteredMetric(
        gettext_noop("Mean reciprocal rank"),
        ("text",),
        "graders.metrics:mrr",
        of_documents=True,
    ),
}


def metrics() -> dict[str, RegisteredMetric]:
    """Every metric by name: the built-in ones, then those of packages (entry-point group `gradus.metrics`).

    Raises `RegistryError` where an entry point names something else than a `RegisteredMetric`.
    """
    added = {name: load(path) for name, path in registered(GROUP, {}).items() if name not in BUILT_IN}
    for name, metric in added.items():
        if not isinstance(metric, RegisteredMetric):
            wanted = "challenges.metrics.RegisteredMetric"
            raise RegistryError(f"The entry point `{name}` of `{GROUP}` must name a {wanted}.")
    return {**BUILT_IN, **added}


def fitting(answer_type: str) -> list[str]:
    """Names of the metrics that can compare answers of one type: `label`, `json` or `text`."""
    return [name for name, metric in metrics().items() if answer_type in metric.answers]


def title(name: str) -> str:
    """The title that people read. A metric whose package is gone is called by its name, written as words."""
    metric = metrics().get(name)
    return translated(metric.title) if metric else name.replace("_", " ").capitalize()


def in_words(metric: Metric) -> str:
    """The title of a challenge's metric, with what the challenge makes of it before it is the score."""
    told = {"metric": title(metric.name), "orders": metric.orders}
    if metric.orders > 1 and metric.tokens:
        return gettext("%(metric)s in the worst of %(orders)s orders, times the factor for tokens") % told
    if metric.orders > 1:
        return gettext("%(metric)s in the worst of %(orders)s orders") % told
    return gettext("%(metric)s times the factor for tokens") % told if metric.tokens else title(metric.name)


def rules(metric: Metric) -> list[str]:
    """In sentences, what the challenge makes of its metric before it is the score; empty where it makes nothing of it.

    A page shows them to learners.
    """
    sentences = []
    if metric.orders > 1:
        said = gettext(
            "Your examples are tried in %(orders)s orders: as you give them, and begun at another example each time, "
            "with those before it moved to the end. The lowest of the values counts."
        )
        sentences.append(said % {"orders": metric.orders})
    if metric.tokens:
        said = gettext(
            "The value is multiplied by a factor: 1 for up to %(free)s tokens of instructions and examples, 0 from "
            "%(zero)s tokens on, and evenly less in between. The words that a row template of your own puts around a "
            "sample count as well. The text of the sample itself does not count."
        )
        sentences.append(said % {"free": f"{metric.tokens.free:,}", "zero": f"{metric.tokens.zero:,}"})
    return sentences
