import pytest
from django.core.management import CommandError, call_command

from gradus.submissions.models import Standing
from tests import factories


@pytest.fixture
def scored(ada, bob, course):
    for user, score in ((ada, 0.7), (ada, 0.9), (bob, 0.4)):
        factories.grade(factories.submit(user), score)


def rows():
    return list(Standing.objects.order_by("user_id").values("user_id", "track", "shown", "passed", "submission_id"))


@pytest.mark.parametrize("fault", ["shown", "missing"])
def test_what_was_tampered_with_or_is_missing_is_found_and_mended(ada, scored, fault):
    before = rows()
    call_command("rebuild", "--check")
    of_ada = Standing.objects.filter(user=ada)
    if fault == "missing":
        of_ada.delete()
    else:
        of_ada.update(shown=1.0, passed=False)
    with pytest.raises(CommandError, match=fault):
        call_command("rebuild", "--check")

    call_command("rebuild")
    assert rows() == before and Standing.objects.get(user=ada).shown == 0.90
    call_command("rebuild", "--check")
