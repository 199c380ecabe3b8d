"""Changes who may open a course, and who finds it in lists. `gradus.classes.visibility` decides by what stands here."""

from __future__ import annotations

from django.db import transaction

from gradus.accounts import roles
from gradus.accounts.models import User
from gradus.courses.models import Course


@transaction.atomic
def change(course: Course, listing: Course.Listing, *, by: User) -> Course:
    """Stores who may open a course, and returns its row. `receivers` notes the change among the actions of staff.

    Raises:
        Http404, Refused: 403, the person does not own the course.
    """
    roles.refuse_unless(by, course, roles.OWNS)
    held = Course.objects.select_for_update(no_key=True).get(pk=course.pk)
    held.listing = listing
    held.save(update_fields=["listing"])
    return held
