"""The README inside the zip of what was trained: what it is, and how to load it. It holds only the learner's data."""

from __future__ import annotations

from challenges.catalogue import model_title
from challenges.training_methods import LORA, METHODS
from graders.base import Grade
from gradus.submissions.models import Evaluation

ADAPTER = """from peft import PeftModel
from transformers import AutoModelForCausalLM

model = PeftModel.from_pretrained(AutoModelForCausalLM.from_pretrained("BASE"), "THIS_FOLDER")"""
IN_4_BITS = """import json
from pathlib import Path

from peft import PeftModel
from transformers import AutoModelForCausalLM, BitsAndBytesConfig

config = BitsAndBytesConfig(**json.loads(Path("THIS_FOLDER/quantisation.json").read_text()))
base = AutoModelForCausalLM.from_pretrained("BASE", quantization_config=config)
model = PeftModel.from_pretrained(base, "THIS_FOLDER")"""
WHOLE = """from transformers import AutoModelForCausalLM

model = AutoModelForCausalLM.from_pretrained("THIS_FOLDER")"""
AGAIN = """
`python train.py BASE` trains it again on `rows.jsonl`, in plain PEFT. BASE is the folder of the base model.
"""
LOADING = {"qlora": IN_4_BITS, "full": WHOLE}


def model_card(evaluation: Evaluation, grade: Grade) -> str:
    spec = evaluation.version.parsed
    payload = evaluation.submission.payload if evaluation.submission else {}
    name = payload.get("method", "lora")
    method, knobs = METHODS[name], payload.get("hyperparameters", {})
    knob_lines = "\n".join(f"- `{one}`: {knobs[one]}" for one in method.settings if one in knobs)
    steps, share = grade.training.get("steps", 0), grade.training.get("trainable_share", 0)
    what = "Fine-tuned checkpoint" if name == "full" else f"{method.title} adapter"
    return f"""# {what} for “{spec.title}”

Trained on Gradus for the challenge `{spec.id}` {spec.version}, over the base model {model_title(str(spec.model))}
(`{spec.model}`). {steps:.0f} steps; {share:.2%} of the weights were trained.

{knob_lines}

```python
{LOADING.get(name, ADAPTER)}
```
{AGAIN if name == LORA else ""}"""
