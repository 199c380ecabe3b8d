from django.shortcuts import get_object_or_404
from ninja import Router

from gradus.api import schemas, shapes
from gradus.api.auth import OPTIONAL, Request, anyone, caller_or_none
from gradus.courses.models import Course

router = Router(tags=["courses"])


@router.get("/courses", response=list[schemas.CourseOut], auth=anyone, openapi_extra=OPTIONAL)
def courses(request: Request) -> list[schemas.CourseOut]:
    """Published courses with their lessons."""
    return [shapes.course(course) for course in Course.objects.shown().order_by("title")]
