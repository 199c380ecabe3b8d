"""A training run with the settings where a built-in form starts does not end below the challenge's weak baseline."""

from pathlib import Path

import pytest
from django.conf import settings

from challenges.kinds.tune_keys import tune
from challenges.reading import read_course
from gradus.learn.kinds.tune import knobs

COURSE = read_course(Path(settings.BASE_DIR) / "challenges" / "library")
TRAINED = [
    (bundle, lesson.measured["baselines"][bundle.challenge.id]["results"])
    for lesson in COURSE.lessons
    for bundle in lesson.challenges
    if "tune" in bundle.challenge.tracks
]
each = pytest.mark.parametrize(("bundle", "results"), TRAINED, ids=[bundle.challenge.id for bundle, _ in TRAINED])


def trained(bundle):
    """The baselines that were trained with the settings where the form starts."""
    spec = bundle.challenge
    method = tune(spec).methods[0]
    starts = knobs.starting(spec, method)
    payloads = [(one.ref.file, one.payload) for one in bundle.baselines if one.payload.kind == "tune"]
    return [
        file
        for file, payload in payloads
        if payload.method == method and {name: getattr(payload.hyperparameters, name) for name in starts} == starts
    ]


@each
def test_the_forms_own_settings_were_trained_and_are_no_worse_than_the_weak_baseline(bundle, results):
    """Where the rows are what is to be learned, the settings of the form are those of the author's better rows."""
    scores = {row["file"]: row["score"] for row in results}
    weak = "baselines/weak.yaml" if "baselines/weak.yaml" in scores else "baselines/naive.yaml"
    assert max((scores[file] for file in trained(bundle)), default=-1) >= scores[weak] > 0
