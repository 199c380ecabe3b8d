"""The README in the zip: what was trained, over which weights, how to ask it and how to train it again.

It holds only the learner's own data, and nothing that was computed from hidden rows.
"""

from __future__ import annotations

from challenges.kinds.tune import TunePayload
from challenges.kinds.tune_keys import tune
from challenges.models.base_models import BaseModel
from challenges.spec import Challenge
from challenges.training_methods import METHODS
from graders.base import Grade

PLACES = {
    True: """The scripts get the base model from `base.py`, which downloads the package with pip, checks its digest,
takes the GGUF file out, reads it with transformers' GGUF reader and saves the values as float32 in the folder `base`.
These are exactly the weights that the site computes with.""",
    False: "The scripts get the base model from `base.py`, which downloads this revision into the folder `base`.",
    None: """The base model is on the site's machine only. Name a folder that holds it in the environment variable
`BASE_MODEL`.""",
}


def card(challenge: Challenge, payload: TunePayload, model: BaseModel, digest: str, grade: Grade) -> str:
    method = METHODS[payload.method]
    what = "Fine-tuned checkpoint" if payload.method == "full" else f"{method.title} adapter"
    knobs = payload.hyperparameters.model_dump()
    knob_lines = "\n".join(f"- `{one}`: {knobs[one]}" for one in method.settings if one in knobs)
    steps, share = grade.training.get("steps", 0), grade.training.get("trainable_share", 0)
    return f"""# {what} for “{challenge.title}”

Trained on Gradus for the challenge `{challenge.id}` {challenge.version}, over the base model {model.title}
(`{model.name}`). {steps:.0f} steps; {share:.2%} of the weights were trained.

{knob_lines}

## The base model

{_facts(model, digest)}

{_precision(model)}{_belongs(payload)}

## Ask it

```sh
pip install {" ".join(_packages(payload, model))}
python load.py "a text"
```

`load.py` writes the text into the prompt of the challenge and reads the answer as the site does. `python load.py`
without a text answers the public samples and compares each answer with the site's, which stand in `samples.jsonl`.
{_form(challenge)}
```python
from load import answer, load

model, tokenizer = load()
print(answer(model, tokenizer, "a text"))
```

## Train it again

{_again(challenge, payload, model)}

{_place(model)}
"""


def _again(challenge: Challenge, payload: TunePayload, model: BaseModel) -> str:
    if tune(challenge).own_choices is not None:
        return "Some of your choices were held out for the score. The site keeps secret which, so no script is here."
    return f"""```sh
{_install(payload, model)}python train.py
```

`train.py` trains on `rows.jsonl` with the settings above, in the order of the site. It prints the loss of each step."""


def _facts(model: BaseModel, digest: str) -> str:
    precision = model.precision_text
    rows = {
        "weights": model.source or "a checkpoint of the site's own",
        "SHA-256": f"`{model.digest}`" if model.digest else "not stated",
        "SHA-256 of the weights in float32 on the site": f"`{digest}`" if digest else "not stated",
        "precision": precision.title if precision else "not stated",
        "parameters": f"{model.parameters:,}",
        "licence": model.licence,
    }
    return "\n".join(["| | |", "| --- | --- |", *(f"| {name} | {value} |" for name, value in rows.items())])


def _precision(model: BaseModel) -> str:
    note = model.precision_text.note if model.precision_text else ""
    return f"{note} The site computes with these values in float32.\n\n" if note else ""


def _belongs(payload: TunePayload) -> str:
    if payload.method == "full":
        return "The checkpoint in this folder holds every weight, in bfloat16. Only `train.py` needs the base model."
    over = " as they are in 4 bits (NF4, `quantisation.json`)" if payload.method == "qlora" else ""
    return f"The adapter belongs to these weights{over}, and answers differently over others of the same name."


def _form(challenge: Challenge) -> str:
    constrained = getattr(challenge.answer, "constrained", False)
    return "The site keeps the model to the form of the answer; `load.py` does not.\n" if constrained else ""


def _packages(payload: TunePayload, model: BaseModel) -> list[str]:
    whole = payload.method == "full"
    more = {"peft": not whole, "gguf": not whole and model.wheel is not None, "bitsandbytes": payload.method == "qlora"}
    return ["torch", "transformers", *(name for name, needed in more.items() if needed)]


def _install(payload: TunePayload, model: BaseModel) -> str:
    needed = {"trl": METHODS[payload.method].compares, "gguf": payload.method == "full" and model.wheel is not None}
    names = [name for name, is_needed in needed.items() if is_needed]
    return f"pip install {' '.join(names)}\n" if names else ""


def _place(model: BaseModel) -> str:
    return PLACES[model.wheel is not None if model.source else None]
