"""The illustrations of a lesson, drawn into its page as inline SVG that was checked again on this server."""

from functools import lru_cache

import structlog
from django.utils.safestring import SafeString, mark_safe

from challenges.lesson.svg import read_svg
from gradus.courses.bundles import BundleMissing, lesson_content
from gradus.courses.models import Lesson
from gradus.learn.lesson.markdown import Page, Part

log = structlog.get_logger()


def with_drawings(lesson: Lesson, page: Page) -> list[tuple[Part, SafeString]]:
    """The parts of a lesson's page in order, each with its drawing.

    The drawing is empty where the part is no illustration, and where the file is missing or refused: then the page
    shows the part's HTML, which is the alternative text. Ids differ between any two drawings of the page.
    """
    return [(part, _drawing(lesson, part, f"i{number}-")) for number, part in enumerate(page.parts, 1)]


def _drawing(lesson: Lesson, part: Part, prefix: str) -> SafeString:
    image = part.illustration
    if image is None:
        return SafeString()
    try:
        return _markup(lesson.digest, image.source, prefix, image.alternative)
    except (BundleMissing, ValueError) as error:
        log.warning("illustration_not_shown", lesson=lesson.slug, file=image.source, reason=str(error))
        return SafeString()


@lru_cache(maxsize=128)
def _markup(digest: str, name: str, prefix: str, label: str) -> SafeString:
    """A digest stands for one content only, so what is kept stays true. Raises BundleMissing and ValueError."""
    return mark_safe(read_svg(lesson_content(digest, name)).markup(prefix, label))  # noqa: S308
