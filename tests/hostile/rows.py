"""Hostile training rows: broken JSON Lines, wrong shapes, labels that only look right, and files of other kinds."""

from __future__ import annotations

import bz2
import gzip
import io
import json
import lzma
import os
import pickle
import struct
import tarfile
import zipfile
from collections.abc import Iterator
from typing import Any

from tests.hostile.case import JSON, Case, Send, lora, row

GOOD = row()
BOM = b"\xef\xbb\xbf"
BAD_UTF8 = [b"\x80", b"\xc0\x80", b"\xc3", b"\xc3\x28", b"\xe0\x80\x80", b"\xe2\x82", b"\xed\xa0\x80", b"\xef\xbf"]
BAD_UTF8 += [b"\xf0\x80\x80\x80", b"\xf0\x9f\x98", b"\xf4\x90\x80\x80", b"\xf8\x88\x80\x80\x80", b"\xfe", b"\xff"]


def truncated() -> Iterator[Case]:
    for end in range(1, len(GOOD)):
        yield lora("truncated rows", f"{end} bytes", GOOD[:end])
    for end in (1, 5, 12):
        yield lora("truncated rows", f"after a good one, {end} bytes", GOOD + b"\n" + GOOD[:end])


def encodings() -> Iterator[Case]:
    for number, junk in enumerate(BAD_UTF8):
        yield lora("bad UTF-8", f"bytes {number}", b'{"input": "a ' + junk + b'", "output": "sea"}')
        yield lora("bad UTF-8", f"bytes {number} alone", GOOD + b"\n" + junk)
    yield lora("bad UTF-8", "BOM", BOM + GOOD)
    yield lora("bad UTF-8", "BOM in the second row", GOOD + b"\n" + BOM + GOOD)
    yield lora("bad UTF-8", "two BOMs", BOM * 2 + GOOD)
    text = '{"input": "caf\u00e9", "output": "sea"}'
    for name in ("utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-32-le", "latin-1", "cp037"):
        data = text.encode(name)
        whole = Send(body=b'{"kind":"tune","rows":['.decode().encode(name) + data, content_type=JSON)
        yield lora("bad UTF-8", name, data, api=whole)
    for name in ("shift-jis", "gb18030", "big5", "euc-kr", "koi8-r"):
        word = {"koi8-r": "\u043c\u043e\u0440\u0435", "euc-kr": "\ubc14\ub2e4"}.get(name, "\u6d77\u5cb8")
        yield lora("bad UTF-8", name, f'{{"input": "{word}", "output": "sea"}}'.encode(name))


def numbers_and_depth() -> Iterator[Case]:
    for word in ("NaN", "Infinity", "-Infinity", "nan", "+1", "01", "1.", ".5", "0x10", "1e", "--1", "1_000"):
        yield lora("numbers", f"{word} as input", f'{{"input": {word}, "output": "sea"}}'.encode())
        yield lora("numbers", f"{word} as id", f'{{"id": {word}, "input": "a", "output": ""}}'.encode())
    for digits in (4301, 5000, 7900, 100_000, 1_000_000):
        yield lora("numbers", f"{digits} digits", b'{"input": ' + b"9" * digits + b', "output": "sea"}')
        yield lora("numbers", f"{digits} digits below zero", b'{"id": -' + b"9" * digits + b', "input": "a"}')
    for depth in (50, 500, 900, 1100, 4000, 100_000):
        for opened, closed in ((b"[", b"]"), (b'{"a":', b"}")):
            middle = b"1" if opened == b'{"a":' else b""
            nested = opened * depth + middle + closed * depth
            yield lora("depth", f"{opened!r} {depth}", nested)
            yield lora("depth", f"{opened!r} {depth} as input", b'{"input": ' + nested + b', "output": "sea"}')
            yield lora("depth", f"{opened!r} {depth} open", opened * depth)


def shapes() -> Iterator[Case]:
    wrong: list[Any] = [None, True, False, 0, 1.5, -7, [], ["a"], {}, {"a": 1}, {"a": {"b": "c"}}, "", "  "]
    for number, value in enumerate(wrong):
        yield lora("wrong shapes", f"row {number}", json.dumps(value).encode() or b"0")
        yield lora("wrong shapes", f"input {number}", row(value, "sea"))
        yield lora("wrong shapes", f"output {number}", row("a heron", value))
    pairs: list[dict[str, Any]] = [{"output": "sea"}, {"text": "a"}, {"Input": "a", "Output": "sea"}]
    pairs += [{"input": "a", "output": "sea", "weight": 2}, {"input": "a", "output": "sea", "__proto__": {}}]
    pairs += [{"prompt": "a", "chosen": "sea"}, {"prompt": "a", "chosen": "sea", "rejected": ["sky"]}]
    pairs += [{"prompt": "a", "chosen": "sea", "rejected": "sea"}, {"prompt": "a", "chosen": "sea", "rejected": "sky"}]
    pairs += [{"prompt": "a", "input": "b", "chosen": "sea", "rejected": "sky"}]
    pairs += [{"input": "a", "output": "sea", "chosen": "sea", "rejected": "sky"}]
    pairs += [{"messages": [{"role": "user", "content": "a"}]}]
    pairs += [{"messages": [{"role": "system", "content": "a"}, {"role": "user", "content": "a"}]}]
    pairs += [{"messages": {"role": "user"}}, {"messages": "a"}, {"messages": [None, None]}]
    pairs += [{"messages": [{"role": ["user"], "content": "a"}, {"role": {}, "content": "sea"}]}]
    pairs += [{"messages": [{"role": "user", "content": None}, {"role": "assistant", "content": "sea"}]}]
    pairs += [{"messages": [{"role": "assistant", "content": "a"}, {"role": "user", "content": "sea"}]}]
    pairs += [{"messages": [{"role": "user", "content": "a"}] * 1000}]
    for number, value in enumerate(pairs):
        yield lora("wrong shapes", f"keys {number}", json.dumps(value).encode())
    doubles = [
        b'{"input": "a", "input": "b", "output": "sea"}',
        b'{"input": "a", "output": "sea", "output": "sky"}',
        b'{"input": "a", "\\u0069nput": "b", "output": "sea"}',
        b'{"input": "a", "output": {"x": "1", "x": "2"}}',
        b'{"id": 1, "id": 1, "input": "a", "output": "sea"}',
    ]
    for number, data in enumerate(doubles):
        yield lora("duplicate keys", f"row {number}", data)
    others = [b"input,output\na,sea", b"- input: a", b"<row/>", b"{'input': 'a'}", b"{input: 'a'}", b"// a\n" + GOOD]
    others += [b"[" + GOOD + b"]", GOOD + GOOD, GOOD + b",", b"\x1e" + GOOD, b"{}" * 3]
    others += [GOOD.replace(b'"', b"\xe2\x80\x9c")]
    for number, data in enumerate(others):
        yield lora("not JSON Lines", f"data {number}", data, api=Send(body=data, content_type=JSON))
    for number, data in enumerate([b"", b"\n", b" \n\t\n", b"\r\n" * 1000, b"\n" * 2_000_000]):
        yield lora("not JSON Lines", f"empty {number}", data)


def labels() -> Iterator[Case]:
    """Words that look like a label but are not one."""
    alike = [
        "Sea",
        "SEA",
        "sea ",
        " sea",
        "sea\n",
        "s\u0435a",
        "\u0455ea",
        "\uff53\uff45\uff41",
        "sea\u0301",
        "s\u00e9a",
    ]
    alike += ["\U0001d42c\U0001d41e\U0001d41a", "\u017fea", "sea.", "sea\u00a0", '"sea"', "sea\u200d", "s\u200cea"]
    alike += ["sea/sky", "sea,sky", "5ea", "sea\u2028", "sk\u0443"]
    for number, label in enumerate(alike):
        yield lora("labels that only look right", f"label {number}", row("a heron", label))


class Shell:
    """An object whose pickle runs a command when it is loaded."""

    def __reduce__(self) -> Any:
        return os.system, ("touch /tmp/gradus-hostile",)


def archive(make: Any) -> bytes:
    buffer = io.BytesIO()
    make(buffer)
    return buffer.getvalue()


def zipped(buffer: Any, name: str = "rows.jsonl") -> None:
    with zipfile.ZipFile(buffer, "w") as target:
        target.writestr(name, GOOD)


def tarred(buffer: Any, name: str = "rows.jsonl") -> None:
    with tarfile.open(fileobj=buffer, mode="w:gz") as target:
        info = tarfile.TarInfo(name)
        info.size = len(GOOD)
        target.addfile(info, io.BytesIO(GOOD))


def torch_file(buffer: Any) -> None:
    with zipfile.ZipFile(buffer, "w") as target:
        target.writestr("archive/data.pkl", pickle.dumps(Shell(), protocol=2))
        target.writestr("archive/version", "3")


def binaries() -> dict[str, bytes]:
    header = json.dumps({"__metadata__": {"x": "y"}}).encode()
    found = {f"pickle {n}": pickle.dumps(Shell(), protocol=n) for n in range(pickle.HIGHEST_PROTOCOL + 1)}
    return found | {
        "zip": archive(zipped),
        "zip slip": archive(lambda b: zipped(b, "../../rows.jsonl")),
        "tar": archive(tarred),
        "tar slip": archive(lambda b: tarred(b, "../../rows.jsonl")),
        "torch file": archive(torch_file),
        "gzip": gzip.compress(GOOD, mtime=0),
        "gzip bomb": gzip.compress(b" " * 50_000_000, mtime=0),
        "bzip2": bz2.compress(GOOD),
        "xz": lzma.compress(GOOD),
        "safetensors": struct.pack("<Q", len(header)) + header,
        "safetensors bomb": struct.pack("<Q", 2**63) + header,
        "npy": b"\x93NUMPY\x01\x00" + pickle.dumps(Shell()),
        "png": b"\x89PNG\r\n\x1a\n" + b"\x00" * 64,
        "pdf": b"%PDF-1.7\n1 0 obj << /OpenAction << /S /JavaScript >> >>",
        "elf": b"\x7fELF\x02\x01\x01" + b"\x00" * 64,
        "sqlite": b"SQLite format 3\x00" + b"\x00" * 84,
        "parquet": b"PAR1" + b"\x15\x00" * 20 + b"PAR1",
        "gguf": b"GGUF\x03\x00\x00\x00" + b"\xff" * 32,
        "zeros": b"\x00" * 100_000,
        "ones": b"\xff" * 100_000,
    }


def uploads() -> Iterator[Case]:
    types = ("application/jsonl", "application/octet-stream", "text/plain; charset=utf-16")
    for name, data in binaries().items():
        for number, file_type in enumerate(types):
            ours = Send(body=data, content_type=JSON if number == 0 else file_type)
            yield lora("files that are no rows", f"{name} {number}", data, file_type=file_type, api=ours)


def cases() -> Iterator[Case]:
    for part in (truncated, encodings, numbers_and_depth, shapes, labels, uploads):
        yield from part()
