"""A small server of ours that speaks the part of vLLM's protocol which workers use, with the tiny model."""

import json
import threading
from functools import partial
from pathlib import Path

import torch
from werkzeug import Response

from workers.engine.tuning import adapters

ADDRESS = "served-name"


def adapter(base, folder, seed, name="tiny"):
    """Writes an adapter with random weights, which changes the tiny model's answers."""
    wrapped = adapters.wrap(adapters.adaptable(base.model), 8, 16)
    with torch.random.fork_rng(), torch.no_grad():
        torch.manual_seed(seed)
        for key, weight in wrapped.named_parameters():
            if "lora_" in key:
                weight.normal_(std=0.2)
    adapters.save(wrapped, folder, name)
    return folder


class Vllm:
    """Answers for `base`, and for the adapters that were loaded. `bodies` are the requests for answers so far.

    `load_status` makes it refuse adapters. `before` is called before each request for answers, and `arrives` with
    each request's kind (`complete`, `load`, `unload`) before it waits for others.
    """

    def __init__(self, httpserver, base, name=ADDRESS):
        self.url = httpserver.url_for("/v1")
        self.base, self.name = base, name
        self.models = {name: base.model}
        self.loaded, self.unloaded, self.bodies = [], [], []
        self.load_status, self.unload_status = 200, 200
        self.before = lambda body: None
        self.arrives = lambda answer: None
        self._lock = threading.Lock()
        for path, answer in (
            ("completions", "complete"),
            ("load_lora_adapter", "load"),
            ("unload_lora_adapter", "unload"),
        ):
            httpserver.expect_request(f"/v1/{path}", method="POST").respond_with_handler(partial(self._answer, answer))
        httpserver.expect_request("/v1/models").respond_with_handler(self._list)

    def restart(self):
        self.models = {self.name: self.base.model}

    def _answer(self, answer, request):
        self.arrives(answer)
        with self._lock:
            return getattr(self, answer)(json.loads(request.data))

    def _list(self, request):
        listed = [{"id": name, "object": "model", "created": 0, "owned_by": "us"} for name in self.models]
        return _json({"object": "list", "data": listed})

    def load(self, body):
        name, path = body["lora_name"], Path(body["lora_path"])
        if self.load_status != 200:
            return _error(self.load_status)
        if name in self.models:
            return _error(400)
        if not path.is_dir():
            return _error(404)
        self.models[name] = adapters.merged(self.base, path)
        self.loaded.append(name)
        return Response("Success", content_type="text/plain")

    def unload(self, body):
        if self.unload_status != 200:
            return _error(self.unload_status)
        if self.models.pop(body["lora_name"], None) is None:
            return _error(404)
        self.unloaded.append(body["lora_name"])
        return Response("Success", content_type="text/plain")

    def complete(self, body):
        self.bodies.append(body)
        if (instead := self.before(body)) is not None:
            return instead
        model = self.models.get(body["model"])
        if model is None:
            return _error(404)
        answer = self._label if "logprob_token_ids" in body else self._text
        choices = [{"index": n, **answer(model, prompt, body)} for n, prompt in enumerate(body["prompt"])]
        return _json({"id": "c", "object": "text_completion", "created": 0, "model": "m", "choices": choices[::-1]})

    def _label(self, model, prompt, body):
        assert body["max_tokens"] == 1 and body["logprobs"] == len(body["logprob_token_ids"]) <= 128
        values = _logprobs(model, prompt)
        best = int(values.argmax())
        top = {f"token_id:{token}": float(values[token]) for token in {best, *body["logprob_token_ids"]}}
        return {"text": "x", "finish_reason": "length", "logprobs": {"top_logprobs": [top]}}

    def _text(self, model, prompt, body):
        """Ends at a stop string like vLLM: the tokens include those of the string, the text does not."""
        tokens, tops = [], []
        finish, reason = "length", None
        while len(tokens) < body["max_tokens"]:
            values = _logprobs(model, [*prompt, *tokens])
            tokens.append(int(values.argmax()))
            tops.append(values.topk(body.get("logprobs") or 1))
            text = self.base.decode(tokens)
            if tokens[-1] in self.base.ends:
                finish = "stop"
                break
            if met := [string for string in body.get("stop", ()) if string in text]:
                finish, reason, text = "stop", met[0], text.partition(met[0])[0]
                break
        logprobs = None
        if body.get("logprobs"):
            listed = [{f"token_id:{int(i)}": float(v) for v, i in zip(*top, strict=True)} for top in tops]
            logprobs = {"top_logprobs": listed}
        said = {"text": text, "token_ids": tokens, "finish_reason": finish, "stop_reason": reason}
        return {**said, "logprobs": logprobs}


@torch.inference_mode()
def _logprobs(model, tokens):
    return model(input_ids=torch.tensor([list(tokens)]), use_cache=False).logits[0, -1].float().log_softmax(-1)


def _json(value):
    return Response(json.dumps(value), content_type="application/json")


def _error(status):
    return Response('{"error": {"message": "no"}}', status, content_type="application/json")
