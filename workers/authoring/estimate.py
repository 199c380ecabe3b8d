"""Estimates before a run what a judge will be asked: calls, tokens, money and time.

It sends nothing of the course, and a short trial call only where a reply is missing.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from statistics import mean, median

from challenges.bundle import ChallengeBundle
from graders.base import Embed, Embedded, Judge, Judged
from graders.free_text.judge import denials
from graders.free_text.judge.messages import VOTES_IF_SPLIT
from workers.authoring.bench import Bench, Quoted, Sources
from workers.judge.client import JudgeClient
from workers.judge.endpoints import OUTPUT_TOKENS, RUNGS
from workers.judge.kept_replies import KeptReply
from workers.judge.prices import Prices

# The usual tokenizers make one token of some four bytes of English, and of fewer bytes of JSON.
BYTES_A_TOKEN = 3.5
# What a message costs beside its text.
MESSAGE_TOKENS = 4
# What asks for a repaired reply, beside that reply.
REPAIR_TOKENS = 100
# A criterion of a reply: id, quotes, a reason of at most thirty words, mark and confidence.
CRITERION_TOKENS, REPLY_TOKENS = 90, 15
# Calls for an answer, as measured on the course's questions with a judge that is wrong on 5 % of its marks
# (`benchmarks.judge_costs`).
CALLS_LIKELY = 4.5
# Five votes, and the questions whether the answer denies a criterion.
CALLS_MOST = VOTES_IF_SPLIT + denials.CALLS


@dataclass(frozen=True)
class Load:
    """A number of calls with the tokens that they send and receive."""

    calls: float = 0.0
    sent: float = 0.0
    received: float = 0.0

    def __add__(self, other: Load) -> Load:
        return Load(self.calls + other.calls, self.sent + other.sent, self.received + other.received)

    def times(self, factor: float) -> Load:
        """This load for `factor` as many calls, where it is that of one call."""
        return Load(self.calls * factor, self.sent * factor, self.received * factor)

    def cost(self, prices: Prices) -> Decimal | None:
        """Its price in the unit of the currency; None where the prices are unknown."""
        micros = prices.micros(round(self.sent), round(self.received))
        return None if micros is None else Decimal(micros) / 1_000_000


@dataclass(frozen=True)
class Estimate:
    """What grading `answers` answers asks of a judge beyond the kept replies: a likely load and the most.

    For `complete` of the answers all replies are kept.
    `call_seconds` is how long a call takes, None where nothing is known; it `is_measured` on earlier replies of this
    judge, and otherwise the time of one short trial call, which is less than a reply takes.
    """

    answers: int
    complete: int
    likely: Load
    most: Load
    call_seconds: float | None
    is_measured: bool
    parallel: int

    @property
    def seconds(self) -> float | None:
        """The likely duration of all calls."""
        return None if self.call_seconds is None else self.likely.calls * self.call_seconds / self.parallel


def estimate(
    answers: Iterable[tuple[ChallengeBundle, str, Sources, Quoted]],
    bench: Bench,
    client: JudgeClient,
    earlier: Sequence[KeptReply] = (),
) -> Estimate:
    """Follows each grading with the client's stored replies alone, up to its first missing call.

    Embeddings are only computed for answers with stored replies. `earlier` are replies of this judge, which tell how
    long its replies are and take. Raises what `JudgeClient.probe` raises.
    """
    counted = [reply.completion_tokens for reply in earlier if reply.completion_tokens]
    received = mean(counted) if counted else None
    likely, most = Load(), Load()
    calls = [next_call(bench, client, *answer) for answer in answers]
    if any(call is not None for _, call in calls):
        client.probe()
    for made, call in calls:
        if call is None:
            continue
        one = Load(1, sent_tokens(call), received or len(call.criteria) * CRITERION_TOKENS + REPLY_TOKENS)
        likely += one.times(max(1, CALLS_LIKELY - made))
        longest = replace(one, received=OUTPUT_TOKENS)
        most += longest.times(CALLS_MOST - made)
        if RUNGS[client.endpoint.rung] == "text":
            # A call for a repair sends the reply as well.
            most += replace(longest, sent=one.sent + OUTPUT_TOKENS + REPAIR_TOKENS).times(CALLS_MOST - made)
    complete = sum(call is None for _, call in calls)
    seconds = median(reply.seconds for reply in earlier) if earlier else client.endpoint.latency
    return Estimate(len(calls), complete, likely, most, seconds, bool(earlier), bench.slots.most)


def next_call(
    bench: Bench, client: JudgeClient, bundle: ChallengeBundle, answer: str, sources: Sources, quoted: Quoted = ()
) -> tuple[int, Judge | None]:
    """How many calls of a grading have stored replies, and the first that has none; None where all have one."""
    grading, made = bench.begin(bundle, answer, sources, quoted), 0
    result: Embedded | Judged | None = None
    try:
        while True:
            item = grading.send(result)
            if isinstance(item, Embed):
                result = bench.embedded(item)
                continue
            assert isinstance(item, Judge)
            result = client.known(item)
            if result is None:
                return made, item
            made += 1
    except StopIteration:
        return made, None


def sent_tokens(call: Judge) -> int:
    """About how many tokens a call sends: its messages, and the form of the reply, which many endpoints count too."""
    texts = [*(message["content"] for message in call.messages), json.dumps(call.schema, default=dict)]
    return round(sum(len(text.encode()) for text in texts) / BYTES_A_TOKEN) + MESSAGE_TOKENS * len(call.messages)


def lines(expected: Estimate, prices: Prices) -> list[str]:
    """An estimate for people."""
    likely, most = expected.likely, expected.most
    if not most.calls:
        return [f"{expected.answers} answers: all replies are kept from earlier runs, so nothing is sent."]
    kept = f"; for {expected.complete} of them all replies are kept" if expected.complete else ""
    return [
        f"{expected.answers} answers to grade{kept}",
        f"calls:  about {likely.calls:,.0f}, at most {most.calls:,.0f}, {_at_once(expected.parallel)}",
        f"tokens: about {likely.sent:,.0f} sent and {likely.received:,.0f} received, "
        f"at most {most.sent:,.0f} and {most.received:,.0f}",
        f"money:  {_money(expected, prices)}",
        f"time:   {_time(expected)}",
    ]


def _at_once(parallel: int) -> str:
    return "one after another" if parallel == 1 else f"{parallel} at once"


def _money(expected: Estimate, prices: Prices) -> str:
    likely, most = expected.likely.cost(prices), expected.most.cost(prices)
    if likely is None or most is None:
        return (
            "unknown. Set GRADUS_JUDGE_PRICE_INPUT and GRADUS_JUDGE_PRICE_OUTPUT to the prices of 1,000,000 tokens "
            "sent and received."
        )
    return f"about {likely:.2f} {prices.currency}, at most {most:.2f} {prices.currency}"


def _time(expected: Estimate) -> str:
    if expected.seconds is None or expected.call_seconds is None:
        return "unknown"
    call = f"{expected.call_seconds:.1f} s"
    if expected.is_measured:
        return f"about {duration(expected.seconds)}, because a reply of this judge takes {call}"
    return (
        f"more than {duration(expected.seconds)}: one short trial call took {call}, and a reply takes longer. After a "
        "run with `--rows 2` this is known better."
    )


def duration(seconds: float) -> str:
    """A duration for people: seconds, minutes, or hours with minutes."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} minutes" if minutes < 90 else f"{minutes // 60} h {minutes % 60:02} min"
