"""Services for snippets: texts that a reviewer keeps for comments."""

from __future__ import annotations

from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _

from gradus.accounts.models import User
from gradus.courses.models import Course
from gradus.reviews.models import COMMENT_CHARS, Snippet
from gradus.reviews.services.deciding import refuse_text
from gradus.submissions.services import Refused

NAME_CHARS = 60
SNIPPETS_MOST = 100
# A snippet that is kept without a name is called by its beginning.
NAME_WORDS = 6


def keep_snippet(user: User, *, text: str, name: str = "", course: Course | None = None) -> Snippet:
    """Keeps a text as a snippet. Without a name, it gets its first words as its name.

    Raises:
        Refused: 409, there is a snippet of this name, or there are `SNIPPETS_MOST`; 422, the text is missing, or a text
            is too long or contains a character that is not allowed.
    """
    if user.snippets.count() >= SNIPPETS_MOST:
        said = _("You have %(most)s snippets, which is as many as the site keeps. Delete one first.")
        raise Refused("too_many", said % {"most": SNIPPETS_MOST}, 409)
    return _save(Snippet(user=user), text, name or " ".join(text.split()[:NAME_WORDS])[:NAME_CHARS], course)


def change_snippet(snippet: Snippet, *, text: str, name: str, course: Course | None) -> Snippet:
    """Changes a snippet. Comments that were made of it stay as they are.

    Raises:
        Refused: as by `keep_snippet`, and 422 if the name is missing.
    """
    return _save(snippet, text, name, course)


def delete_snippet(snippet: Snippet) -> None:
    """Deletes a snippet. Comments that were made of it stay as they are."""
    snippet.delete()


def _save(snippet: Snippet, text: str, name: str, course: Course | None) -> Snippet:
    refuse_text("text", text, COMMENT_CHARS)
    refuse_text("name", name, NAME_CHARS)
    if not text.strip():
        raise Refused("no_text", _("Write the text of the snippet."))
    if not name.strip():
        raise Refused("no_name", _("Give the snippet a name."))
    snippet.name, snippet.text, snippet.course = name.strip(), text.strip(), course
    try:
        with transaction.atomic():
            snippet.save()
    except IntegrityError:
        said = _("You have a snippet with the name “%(name)s” already. Give this one another name.")
        raise Refused("name_taken", said % {"name": name.strip()}, 409) from None
    return snippet
