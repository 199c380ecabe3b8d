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


def test_the_check_finds_nothing_after_normal_work(scored):
    call_command("rebuild", "--check")


def test_what_was_tampered_with_is_found_and_mended(ada, scored):
    before = rows()
    Standing.objects.filter(user=ada).update(shown=1.0, passed=False)
    with pytest.raises(CommandError, match="shown"):
        call_command("rebuild", "--check")

    call_command("rebuild")
    assert rows() == before
    call_command("rebuild", "--check")


def test_what_is_missing_is_found_and_mended(ada, scored):
    Standing.objects.filter(user=ada).delete()
    with pytest.raises(CommandError, match="missing"):
        call_command("rebuild", "--check")

    call_command("rebuild")
    assert Standing.objects.get(user=ada).shown == 0.90
