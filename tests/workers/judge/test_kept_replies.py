"""Kept replies survive a kill, are private, and belong to one model at one address."""

from __future__ import annotations

import json
import math
import stat
from dataclasses import asdict
from pathlib import Path

import pytest

from workers.judge import ledger as ledgers
from workers.judge.contract import CallRecord, JudgeUnusable
from workers.judge.kept_replies import KeptReplies, KeptReply, RepliesNotKept
from workers.judge.ledger import Ledger

FIRST = KeptReply("k1", {"criteria": ["é"]}, "judge-7", "json_schema", 100, 20, 1.5)
SECOND = KeptReply("k2", {"criteria": []}, "judge-7", "json_schema", 90, 10, 0.5)


def at(folder: Path, url: str = "http://127.0.0.1/v1", model: str = "judge", fresh: bool = False) -> KeptReplies:
    return KeptReplies(folder, url, model, fresh=fresh)


def record(key: str = "k1", problem: str = "", response: str = "{}", reply: dict | None = None) -> CallRecord:
    return CallRecord(key, "t", "judge-7", "json_schema", {}, response, reply, problem, 100, 20, 1.5)


def test_a_reply_is_found_by_the_next_run_in_a_private_file(tmp_path: Path) -> None:
    """The mode of a folder of the user's own stays."""
    tmp_path.chmod(0o755)
    for folder, mode in ((tmp_path / "new" / "judge", 0o700), (tmp_path, 0o755)):
        at(folder).put(FIRST)
        again = at(folder)
        assert (again.get("k1"), again.get("k2"), len(again)) == (FIRST, None, 1)
        assert stat.S_IMODE(again.file.stat().st_mode) == 0o600
        assert stat.S_IMODE(folder.stat().st_mode) == mode


@pytest.mark.parametrize("cut", [1, 10, 60])
def test_a_line_that_a_kill_cut_off_is_passed_over_and_spoils_no_other(tmp_path: Path, cut: int) -> None:
    kept = at(tmp_path)
    kept.put(FIRST)
    kept.put(SECOND)
    whole = kept.file.read_bytes()
    kept.file.write_bytes(whole[:-cut])
    again = at(tmp_path)
    assert again.get("k1") == FIRST
    again.put(SECOND)
    last = at(tmp_path)
    assert (last.get("k1"), last.get("k2")) == (FIRST, SECOND)


def test_lines_of_another_form_are_passed_over(tmp_path: Path) -> None:
    kept = at(tmp_path)
    kept.put(FIRST)
    with kept.file.open("ab") as file:
        file.write(b'{"key": 3}\n[]\n\xff\xfe\n' + b"[" * 100_000 + b"\n")
        wrong = ("completion_tokens", "y"), ("seconds", None), ("seconds", math.nan), ("model", 7), ("reply", [])
        for name, value in wrong:
            file.write(json.dumps(asdict(FIRST) | {"key": "other", name: value}).encode() + b"\n")
    assert at(tmp_path).replies == [FIRST]


def test_a_folder_that_cannot_be_read_or_written_is_told_with_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(RepliesNotKept, match=r"cannot be read: Not a directory.*--keep"):
        at(tmp_path / "file")
    kept = at(tmp_path / "file" / "below", fresh=True)
    with pytest.raises(RepliesNotKept, match=r"cannot be written: Not a directory.*--keep"):
        kept.put(FIRST)


def test_another_model_or_address_and_fresh_runs_find_nothing(tmp_path: Path) -> None:
    at(tmp_path).put(FIRST)
    assert len(at(tmp_path, model="other")) == len(at(tmp_path, url="http://127.0.0.2/v1")) == 0
    fresh = at(tmp_path, fresh=True)
    assert fresh.get("k1") is None
    fresh.put(KeptReply("k1", {"criteria": ["new"]}, "judge-7", "text", 1, 1, 1.0))
    again = at(tmp_path).get("k1")
    assert again is not None and again.reply == {"criteria": ["new"]}


def test_a_ledger_takes_kept_replies_once_and_keeps_only_usable_ones(tmp_path: Path) -> None:
    at(tmp_path).put(FIRST)
    ledger = Ledger(at(tmp_path))
    assert ledger.cached("k1") == ledger.cached("k1")
    assert (ledger.taken, ledger.calls, ledger.forms) == (1, 0, {"json_schema"})
    ledger.log(record("k3", problem="unusable (length)"))
    ledger.log(record("k4", reply={"criteria": []}))
    assert [at(tmp_path).get(key) is not None for key in ("k1", "k3", "k4")] == [True, False, True]


def test_ten_unusable_replies_in_a_row_stop_with_the_reason_and_a_safe_excerpt() -> None:
    ledger = Ledger(unusable_most=ledgers.UNUSABLE_MOST)
    said = "Sure!\x1b[2J\r\n\u202e[bold]" + "long " * 200
    garbage = record(problem="unusable (not one JSON object)", response=said)
    for _ in range(ledgers.UNUSABLE_MOST - 1):
        ledger.log(garbage)
    ledger.log(record("good", reply={"criteria": []}))
    for _ in range(ledgers.UNUSABLE_MOST - 1):
        ledger.log(garbage)
    with pytest.raises(JudgeUnusable) as stopped:
        ledger.log(garbage)
    text = str(stopped.value)
    assert "10 replies" in text and "not one JSON object" in text and "Sure!" in text and "json_schema" in text
    assert all(c.isprintable() or c == "\n" for c in text)
    assert len(text) < 900
    assert ledger.calls == 2 * ledgers.UNUSABLE_MOST


@pytest.mark.parametrize(
    ("problem", "advice"),
    [
        ("unusable (length)", "2,000 tokens"),
        ("unusable (content_filter)", "filter"),
        ("unusable (not a chat completion)", "OPENAI_BASE_URL"),
        ("unusable (refused with 400)", "8,192"),
        ("unusable (not the form that was asked for)", "JSON schema"),
    ],
)
def test_the_reason_says_what_to_do(problem: str, advice: str) -> None:
    with pytest.raises(JudgeUnusable, match=advice):
        Ledger(unusable_most=1).log(record(problem=problem, response=""))
