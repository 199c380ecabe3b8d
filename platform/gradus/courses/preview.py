"""Previews, in which nothing is graded: an author's folder on the author's machine, where the whole site is one."""

from django.conf import settings
from django.utils.translation import gettext as _

from gradus.refusal import Refused


def refuse() -> None:
    """Raises `Refused` (409, `preview`) if this request is part of a preview, in which nothing is run or graded."""
    if settings.PREVIEW:
        raise Refused("preview", _("This is a preview of your folder: nothing is run or graded here."), 409)
