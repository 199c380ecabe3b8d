"""Every combination of what a machine may lack gives the oracle's labels, texts and losses.

A machine tries all that it can: what it has is taken away, part by part. A CPU with AMX is "oneDNN, loops" in bfloat16,
one without AVX-512 is "oneDNN in fp32, loops".
"""

from dataclasses import fields

import pytest
from torch.utils._python_dispatch import TorchDispatchMode

from graders.base import Generate, Score, Train
from tests.workers import oracle, tiny
from tests.workers.engine.test_scoring import LABELS, PROMPT, TOLERANCE, suffixes
from workers.engine import abilities, hardware, scoring
from workers.engine.abilities import Abilities
from workers.engine.session import Session
from workers.engine.watch import Watch

pytestmark = pytest.mark.filterwarnings("ignore::FutureWarning")

PRODUCTS = {
    "torch": (),
    "oneDNN in fp32": ("onednn",),
    "oneDNN": ("onednn", "bf16"),
    "oneDNN and its library": ("onednn", "bf16", "library"),
}
MACHINES = {
    f"{name}, {loops}" if loops else name: (*parts, *loops.split())
    for name, parts in PRODUCTS.items()
    for loops in ("", "loops")
}
SHARED = PROMPT * 2
"""More tokens than those from which attention is computed in blocks."""
SCORE = Score(tiny.NAME, SHARED, suffixes(8), LABELS)
ROWS = tuple((f"Input: {text}\nOutput:", f" {label}") for text, label in (("a red rash", "skin"), ("pain", "heart")))
TRAIN = Train(
    tiny.NAME, ROWS, ROWS, r=4, lora_alpha=8, learning_rate=1e-2, num_train_epochs=1,
    per_device_train_batch_size=2, seed=3,
)  # fmt: skip


class Operators(TorchDispatchMode):
    """The names of torch's operators that were called."""

    def __init__(self):
        super().__init__()
        self.names = set()

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        self.names.add(str(func._overloadpacket))
        return func(*args, **(kwargs or {}))


@pytest.fixture(scope="module", params=MACHINES.values(), ids=MACHINES)
def machine(request, base, plain):
    """The models that others test with are loaded before anything is taken away."""
    missing = [name for name in request.param if not getattr(abilities.here(), name)]
    if missing:
        pytest.skip(f"this machine has no {', '.join(missing)}")
    less = Abilities(**{field.name: field.name in request.param for field in fields(Abilities)})
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(abilities, "here", lambda: less)
        yield less


@pytest.fixture(scope="module", params=hardware.DTYPES)
def session(request, machine, models_dir, tmp_path_factory):
    return Session(models_dir, tmp_path_factory.mktemp("scratch"), dtype=request.param)


@pytest.fixture(scope="module")
def wanted(base, plain):
    """The oracle's numbers, computed once."""
    return [
        [oracle.label_logprob(plain, base, SHARED + suffix, label, LABELS) for label in LABELS]
        for suffix in SCORE.suffixes
    ]


def best(row):
    return max(range(len(row)), key=row.__getitem__)


def test_labels_are_those_of_the_oracle(session, wanted):
    found = session.run(SCORE, Watch()).logprobs
    assert [best(row) for row in found] == [best(row) for row in wanted]
    near = scoring.ROUNDED_MARGIN if session.low else TOLERANCE
    for row, true in zip(found, wanted, strict=True):
        assert row == pytest.approx(true, abs=near)


def test_texts_are_those_of_the_oracle(session, base, plain):
    item = Generate(tiny.NAME, SHARED, SCORE.suffixes[:4], 12)
    said = [base.decode(oracle.greedy(plain, base, SHARED + suffix, 12)) for suffix in item.suffixes]
    assert session.run(item, Watch()).texts == said


@pytest.fixture(scope="module")
def losses(base, models_dir):
    """Before and after the step."""
    return oracle.one_step(models_dir / tiny.NAME, base, TRAIN)


def test_a_training_step_is_that_of_the_oracle(session, losses):
    """In bf16 the loss may be off by a quarter of what the step wins: random weights are larger than a model's."""
    trained, (before, after) = session.run(TRAIN, Watch()), losses
    near = (before - after) / 4 if session.low else 1e-4
    assert trained.steps == 1 and after < before - 1
    assert (trained.train_loss, trained.valid_loss) == (pytest.approx(before, abs=near), pytest.approx(after, abs=near))


def test_a_way_is_taken_where_all_that_it_needs_is_there(session, machine):
    """And nowhere else: a later change must not make an ability worthless without a word."""
    called = Operators()
    with called:
        session.run(SCORE, Watch())
        session.run(Generate(tiny.NAME, SHARED * 2, SCORE.suffixes[:2], 3), Watch())
    ways = {
        "mkldnn._linear_pointwise": machine.onednn,
        "gradus.product": machine.library,
        "gradus.own_attention": machine.loops,
        "gradus.merge_attention": machine.rows_in_line,
    }
    assert {name: name in called.names for name in ways} == ways
