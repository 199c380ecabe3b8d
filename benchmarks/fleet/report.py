"""The rehearsal as a part of `benchmarks/results.md`. Pure."""

from __future__ import annotations

from typing import Any

TEN = 10


def recorded(found: dict[str, Any]) -> str:
    """Markdown for one recorded rehearsal."""
    parts = [
        "## Many machines, rehearsed",
        f"`python -m benchmarks.fleet`, on {found['machine']}. {found['setting']}",
        load(found),
        throughput(found),
        faults(found),
        next_bottleneck(found),
    ]
    return "\n\n".join(parts)


def load(found: dict[str, Any]) -> str:
    one = found["load"]
    head = (
        f"{one['learners']} learners for {one['seconds']:.0f} s, a page each {one['think_s'][0]:g} to "
        f"{one['think_s'][1]:g} s: {one['requests']} requests, **{one['per_second']:.1f} per second**, median "
        f"{one['p50_ms']:.0f} ms, **99th percentile {one['p99_ms']:.0f} ms**; {one['submitted']} attempts, of which a "
        f"submission took {one['submit_p99_ms']:.0f} ms at the 99th percentile; {one['fivexx']} answers of 500 and "
        f"more, {one['failed']} failed otherwise. The load average of the machine, which others shared, was "
        f"{one['load_before']:.1f} before and {one['load_after']:.1f} after it."
    )
    rows = [f"| {name} | {cores:.2f} |" for name, cores in one["cores"].items()]
    return "\n".join([head, "", "| host | cores used meanwhile |", "| --- | --- |", *rows])


def throughput(found: dict[str, Any]) -> str:
    rows = [f"| {count} | {rate:.1f} |" for count, rate in found["jobs_per_minute"].items()]
    head = f"Jobs with a runner that takes a fixed {found['item_s']:g} s for each work item:"
    real = found.get("real")
    said = [
        "",
        f"With the real runner, {real['name']} reached {real['score']:.3f} on a worker's host; its bounds are "
        f"{'kept' if not real['broken'] else 'broken: ' + real['broken']}."
        if real
        else "The real runner was not tried: the base model is not on this machine.",
    ]
    return "\n".join([head, "", "| workers | jobs per minute |", "| --- | --- |", *rows, *said])


def faults(found: dict[str, Any]) -> str:
    rows = [
        f"| {one['fault']} | {one['lasted_s']:.0f} | {one['jobs']} | {one['recovery_s']:.0f} | {one['claims']} | "
        f"{one['failed_requests']} of {one['requests']} | {len(one['wrong'])} |"
        for one in found["faults"]
    ]
    head = [
        f"Each fault begins while {found['faults'][0]['jobs']} jobs run or wait, and {found['readers']} learners read "
        "and submit. *Until all have ended* is counted from the end of the fault; without a fault, from its place in "
        "time. A job that was claimed once is one claim.",
        "",
        "| fault | lasted, s | jobs | until all have ended, s | claims | failed requests | without exactly one grade |",
        "| --- | --- | --- | --- | --- | --- | --- |",
    ]
    counts = found["history"]["counts"]
    told = found["history"]
    end = (
        f"Afterwards the database held {counts['accepted']} attempts: {counts['scored']} scored, {counts['open']} "
        f"open, {counts['failed']} failed. Learners were told of {found['told']} attempts, and {found['held']} of "
        f"theirs are there. Lost: {len(told['lost'])}; doubled: {len(told['doubled'])}; other violations of the model "
        f"of states: {len(told['broken'])}."
    )
    return "\n".join([*head, *rows, "", end])


def next_bottleneck(found: dict[str, Any]) -> str:
    """Says which host reaches its limit first as load grows, by the computing time of each and the rate of jobs."""
    one = found["load"]
    webs = sum(cores for name, cores in one["cores"].items() if name.startswith("web"))
    single = {name: cores for name, cores in one["cores"].items() if name in ("front", "db", "redis", "store")}
    name, cores = max(single.items(), key=lambda item: item[1])
    rate = max(found["jobs_per_minute"].values()) / len(found["jobs_per_minute"])
    wanted = TEN * 60 * one["submitted"] / one["seconds"]
    most = max(found["jobs_per_minute"].values())
    keeps_up = wanted / TEN <= most
    said = [
        f"**Ten times as many** learners ({TEN * one['learners']}) would ask {TEN * one['per_second']:.0f} times per",
        f"second. In proportion, the web servers would use {TEN * webs:.1f} cores, which more hosts behind nginx give.",
        f"Of what there is only one of, `{name}` would use most: {TEN * cores:.1f} cores. They would submit",
        f"{wanted:.0f} attempts per minute; a worker with this runner did {rate:.1f}, so {wanted / rate:.0f} workers",
        f"would keep up. Three workers {'keep' if keeps_up else 'do not keep'} up with the load that was measured",
        f"({wanted / TEN:.1f} attempts per minute, {most:.1f} jobs per minute), so",
        "**the web servers are the next bottleneck**." if keeps_up else "**the workers are the next bottleneck**.",
    ]
    return " ".join(said)
