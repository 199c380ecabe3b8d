"""Asks the trained model as the site asks it: `python load.py "a text"`.

Without a text it answers the public samples and compares each answer with the one that the site got.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import torch
from tokenizers import Tokenizer
from transformers import AutoModelForCausalLM, StoppingCriteria, StoppingCriteriaList

METHOD = ""
ASKED: dict[str, str] = {}
ANSWER: dict[str, Any] = {}

HERE = Path(__file__).resolve().parent


def load() -> tuple[Any, Tokenizer]:
    """The trained model and its tokenizer."""
    if METHOD == "full":
        whole: Any = AutoModelForCausalLM.from_pretrained(HERE, dtype=torch.float32)
        return whole.eval(), Tokenizer.from_file(str(HERE / "tokenizer.json"))
    import base
    from peft import PeftModel

    model = PeftModel.from_pretrained(base.model(), HERE)
    # In evaluation mode bitsandbytes would round once more. There is no dropout that the mode could switch.
    model.train(METHOD == "qlora")
    return model, Tokenizer.from_file(str(base.folder() / "tokenizer.json"))


def answer(model: Any, tokenizer: Tokenizer, text: str) -> str:
    """What the model answers to a text, written into the prompt of the challenge."""
    prompt = ASKED["before"] + text + ASKED["after"]
    if "labels" in ANSWER:
        return _most_likely(model, tokenizer, prompt)
    return _written(model, tokenizer, prompt)


def _ids(tokenizer: Tokenizer, text: str) -> list[int]:
    ids: list[int] = tokenizer.encode(text, add_special_tokens=False).ids
    return ids


@torch.no_grad()
def _most_likely(model: Any, tokenizer: Tokenizer, prompt: str) -> str:
    """The label whose tokens are the most likely after those that all of them share with the prompt."""
    asked = _ids(tokenizer, prompt)
    wholes = [_ids(tokenizer, prompt + ASKED["lead"] + label) for label in ANSWER["labels"]]
    start = len(asked)
    while any(whole[:start] != asked[:start] for whole in wholes):
        start -= 1
    scores = []
    for whole in wholes:
        logs = model(input_ids=torch.tensor([whole])).logits[0].float().log_softmax(-1)
        scores.append(sum(logs[at - 1, whole[at]].item() for at in range(start, len(whole))))
    best: str = ANSWER["labels"][scores.index(max(scores))]
    return best


@torch.no_grad()
def _written(model: Any, tokenizer: Tokenizer, prompt: str) -> str:
    """The text that follows if the most likely token is taken each time."""
    asked = _ids(tokenizer, prompt)
    ids = torch.tensor([asked])
    out = model.generate(
        input_ids=ids,
        attention_mask=torch.ones_like(ids),
        max_new_tokens=ANSWER["max_new_tokens"],
        do_sample=False,
        eos_token_id=_ends(model),
        pad_token_id=_ends(model)[0],
        stopping_criteria=StoppingCriteriaList([_AtEnd(tokenizer, len(asked))]),
    )
    text = tokenizer.decode(out[0, len(asked) :].tolist(), skip_special_tokens=True)
    return text[: _end(text)].strip()


def _ends(model: Any) -> list[int]:
    """The tokens that end a text."""
    named = [model.config.eos_token_id, model.generation_config.eos_token_id]
    return [token for one in named if one is not None for token in (one if isinstance(one, list) else [one])]


class _AtEnd(StoppingCriteria):
    def __init__(self, tokenizer: Tokenizer, start: int) -> None:
        self.tokenizer, self.start = tokenizer, start

    def __call__(self, input_ids: Any, scores: Any, **kwargs: Any) -> torch.Tensor:
        text = self.tokenizer.decode(input_ids[0, self.start :].tolist(), skip_special_tokens=True)
        return torch.tensor([_end(text) is not None])


def _end(text: str) -> int | None:
    """Where an answer ends: before a stop, or behind its first JSON object; None where it may go on."""
    ends = [at for stop in ANSWER["stops"] if (at := text.find(stop)) >= 0]
    if ANSWER["is_json"] and (closed := _object_end(text)) is not None:
        ends.append(closed)
    return min(ends, default=None)


def _object_end(text: str) -> int | None:
    at = text.find("{")
    while at >= 0:
        try:
            return json.JSONDecoder().raw_decode(text, at)[1]
        except json.JSONDecodeError as error:
            if error.msg.startswith("Unterminated string") or error.pos > len(text) - 12:
                return None
        at = text.find("{", at + 1)
    return None


def main() -> None:
    model, tokenizer = load()
    if len(sys.argv) > 1:
        print(answer(model, tokenizer, sys.argv[1]))
        return
    lines = (HERE / "samples.jsonl").read_text(encoding="utf-8").splitlines()
    same = 0
    for row in map(json.loads, lines):
        here = answer(model, tokenizer, row["input"])
        same += here == row["answer"]
        print(json.dumps({**row, "here": here}, ensure_ascii=False), flush=True)
    print(f"{same} of {len(lines)} answers are those of the site.")


if __name__ == "__main__":
    main()
