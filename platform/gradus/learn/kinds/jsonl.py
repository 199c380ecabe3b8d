"""Training rows as the lines of a text field or a file."""

import json
from collections.abc import Iterable, Mapping
from typing import Any

from django.http import HttpResponse

from challenges.files.nesting import too_deep
from challenges.prompts import target_text


def json_lines(rows: Iterable[Mapping[str, Any]]) -> str:
    """Rows as text. An output that is a JSON object is written as one, which reads back as the same output."""
    return "".join(json.dumps(_readable(row), ensure_ascii=False) + "\n" for row in rows)


def _readable(row: Mapping[str, Any]) -> dict[str, Any]:
    output = row.get("output")
    if not isinstance(output, str) or not output.startswith("{") or too_deep(output):
        return dict(row)
    try:
        value = json.loads(output)
    except ValueError:
        return dict(row)
    texts = isinstance(value, dict) and all(isinstance(text, str) for text in value.values())
    return {**row, "output": value} if texts and target_text(value) == output else dict(row)


def jsonl_file(text: str, name: str) -> HttpResponse:
    """Rows to download."""
    response = HttpResponse(text, content_type="application/jsonl; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="{name}"'
    return response
