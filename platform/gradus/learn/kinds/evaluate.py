"""The page of the kind `evaluate`: the rows of a test set, what came of them, and the set as a file to take home."""

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any
from uuid import UUID

from django.http import Http404, HttpRequest, HttpResponse
from django.urls import URLPattern, path
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from challenges.files.rows import RowLimits, read_train
from challenges.kinds.evaluate import KIND
from challenges.kinds.evaluate_keys import FAILS, counts, evaluate
from challenges.problems import Problem
from challenges.rows import AnyRow, TrainRow
from challenges.spec import Challenge
from gradus.learn import form_problems
from gradus.learn.access import own_submission
from gradus.learn.form_problems import FormFields
from gradus.learn.kind_pages import Draft, KindPage, labels_of, with_line_feeds
from gradus.learn.kinds.jsonl import json_lines, jsonl_file
from gradus.submissions.models import Evaluation
from gradus.submissions.services import Refused

UPLOAD_BYTES = RowLimits().bytes_max
COLUMNS = ("input", "output")


@dataclass(frozen=True)
class TestSetDraft(Draft):
    """`rows` are texts with labels as they were typed; `unread` is what is wrong with a file that was chosen."""

    rows: tuple[tuple[str, str], ...] = ()
    unread: tuple[Problem, ...] = ()

    @property
    def test_rows(self) -> tuple[tuple[str, str], ...]:
        """The rows, or three empty ones to write into where there are none."""
        return self.rows or (("", ""),) * 3


class EvaluatePage(KindPage):
    def form(self, kind: str, spec: Challenge, payload: Mapping[str, Any] | None) -> TestSetDraft:
        return TestSetDraft(kind, rows=tuple((row["input"], row["output"]) for row in (payload or {}).get("rows", [])))

    def posted(self, kind: str, spec: Challenge, request: HttpRequest) -> TestSetDraft:
        """A chosen file takes the place of what was typed. Rows left empty are none."""
        typed = zip(request.POST.getlist("example_input"), request.POST.getlist("example_output"), strict=False)
        pairs = ((with_line_feeds(text), label) for text, label in typed)
        draft = TestSetDraft(kind, rows=tuple(pair for pair in pairs if any(part.strip() for part in pair)))
        upload = request.FILES.get("rows_file")
        if upload is None:
            return draft
        # One byte more than is accepted, so that the reader names the fault and a huge file costs no memory.
        rows, unread = read_file(upload.read(UPLOAD_BYTES + 1), evaluate(spec).evaluate.rows[1])
        return replace(draft, rows=tuple((row.input, row.output) for row in rows) or draft.rows, unread=tuple(unread))

    def payload(self, spec: Challenge, draft: TestSetDraft) -> dict[str, Any]:
        if draft.unread:
            listed = [form_problems.of_row(problem) for problem in draft.unread]
            raise Refused("bad_rows", _("Some rows of the file cannot be read."), problems=listed)
        if lacking := [number for number, row in enumerate(draft.rows, 1) if not all(part.strip() for part in row)]:
            raise Refused("bad_payload", _("Some rows need a correction."), problems=[*map(_half, lacking)])
        return {"kind": draft.kind, "rows": [{"input": text, "output": label} for text, label in draft.rows]}

    def fields(self, spec: Challenge, draft: TestSetDraft) -> FormFields:
        return TestSetFields()

    def context(self, spec: Challenge, draft: TestSetDraft) -> dict[str, Any]:
        keys = evaluate(spec)
        with_defect, healthy = counts(keys.systems.of(practice=False))
        return {
            "rule": keys.evaluate,
            "most_rows": keys.evaluate.rows[1],
            "least_rows": keys.evaluate.rows[0],
            "systems": {"with_defect": with_defect, "healthy": healthy},
            "practice_systems": keys.systems.of(practice=True),
            "label_names": labels_of(spec),
        }

    def urls(self) -> Sequence[URLPattern]:
        return [path("submissions/<uuid:uuid>/test-set.jsonl", test_set, name="test_set")]

    def describe(self, payload: Mapping[str, Any]) -> dict[str, str]:
        rows = payload.get("rows", [])
        return {_("Rows of the test set"): "\n".join(f"{row['input']} → {row['output']}" for row in rows)}

    def own_inputs(self, payload: Mapping[str, Any]) -> frozenset[str]:
        return frozenset(row["input"] for row in payload.get("rows", []))

    def result(self, evaluation: Evaluation) -> dict[str, Any]:
        """The practice systems, and each row with their answers. Nothing is told of another system's answers."""
        shown, owner = (evaluation.result or {}).get("shown") or {}, evaluation.submission or evaluation.run
        assert owner is not None
        practice, rows = shown.get("practice", []), owner.payload.get("rows", [])
        parts = {name: shown[name] for name in ("exposed", "alarms") if name in shown}
        if practice and len(practice[0]["answers"]) != len(rows):
            return {"practice": [], "tested_rows": [], **parts}
        tested = [_row(number, row, practice) for number, row in enumerate(rows)] if practice else []
        return {
            "practice": [{**one, "fails": one["verdict"] == FAILS} for one in practice],
            "tested_rows": tested,
            **parts,
        }


@dataclass(frozen=True)
class TestSetFields(FormFields):
    """A row's text and its label have controls of their own, by its number."""

    names: Mapping[str, str | Promise] = field(
        default_factory=lambda: {"rows": gettext_lazy("Rows"), "rows_file": gettext_lazy("File")}
    )
    controls: Mapping[str, str] = field(default_factory=lambda: {"rows": "ei-1"})

    def control(self, item: Mapping[str, Any]) -> str:
        head, _dot, rest = str(item.get("field", "")).partition(".")
        if head != "rows" or not item.get("line"):
            return super().control(item)
        of_label = rest.endswith("output") or item.get("code") in ("unknown_label", "no_label")
        return f"{'eo' if of_label else 'ei'}-{item['line']}"


def test_set(request: HttpRequest, uuid: UUID) -> HttpResponse:
    """The rows of one's own attempt as JSON Lines, for tests of other classifiers."""
    submission = own_submission(request, uuid)
    if submission.kind != KIND.name:
        raise Http404
    rows = json_lines(submission.payload["rows"])
    return jsonl_file(rows, f"{submission.challenge.slug}-test-set.jsonl")


def read_file(data: bytes, most: int) -> tuple[list[AnyRow], list[Problem]]:
    """Rows from JSON Lines or from CSV with the columns input and output, and what cannot be read."""
    if data.lstrip(b"\xef\xbb\xbf \t\r\n")[:1] in (b"{", b"[", b"") or len(data) > UPLOAD_BYTES:
        return read_train(data, RowLimits(bytes_max=UPLOAD_BYTES, rows_max=most))
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        return [], [Problem("", 1, _("the file is not UTF-8"), _("save it as CSV in UTF-8"), "not_utf8")]
    reader = csv.DictReader(io.StringIO(text, newline=""))
    if not set(COLUMNS) <= set(reader.fieldnames or ()):
        what = _("the file is not JSON Lines, and as CSV it lacks the columns input and output")
        return [], [Problem("", 1, what, _("write the line “input,output” above the rows"), "bad_row")]
    return _records(reader, most)


def _records(reader: "csv.DictReader[str]", most: int) -> tuple[list[AnyRow], list[Problem]]:
    rows, problems = list[AnyRow](), list[Problem]()
    for record in reader:
        text, label = (record.get(name) or "" for name in COLUMNS)
        if len(rows) == most:
            what = _("the file has more than %(most)s rows") % {"most": most}
            problems.append(
                Problem("", reader.line_num, what, _("keep %(most)s rows at most") % {"most": most}, "too_many_rows")
            )
            break
        if text.strip() and label.strip():
            rows.append(TrainRow(input=text, output=label.strip()))
        elif text.strip() or label.strip():
            what, fix = _("the input or the output is empty"), _("fill it in, or remove the row")
            problems.append(Problem("", reader.line_num, what, fix, "empty"))
    return rows, problems


def _half(number: int) -> dict[str, Any]:
    message = _("This row needs a text and a label: fill in both, or remove it.")
    return {"code": "no_label", "field": "rows", "message": message, "line": number}


def _row(number: int, row: Mapping[str, str], practice: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """A row with the answers of the practice systems.

    It is `doubtful` where every healthy one gives another label: then the label may be wrong, or the text unclear.
    """
    answers = [(one["id"], one["answers"][number], one["answers"][number] == row["output"]) for one in practice]
    healthy = [one["answers"][number] == row["output"] for one in practice if not one["defect"]]
    return {
        "input": row["input"],
        "expected": row["output"],
        "answers": answers,
        "caught": sum(not is_right for _id, _answer, is_right in answers),
        "doubtful": bool(healthy) and not any(healthy),
        "unsure": bool(healthy) and any(healthy) and not all(healthy),
    }


PAGE = EvaluatePage()
