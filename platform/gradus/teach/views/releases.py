"""The page where the people who teach a class release grades, and say when grades are released."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_POST

from gradus.accounts import roles
from gradus.classes import changes, membership, releases
from gradus.classes.models import Class
from gradus.courses.models import Challenge
from gradus.gradebook import queries
from gradus.refusal import Refused
from gradus.submissions.results import releasing
from gradus.teach.release_forms import ReleaseForm
from gradus.teach.views.access import account, in_class
from gradus.teach.views.classes import shared


@in_class()
def release_show(request: HttpRequest, of_class: Class) -> HttpResponse:
    """Shows for each challenge what is released. A POST changes when, for one or for all."""
    if request.method != "POST":
        return _page(request, of_class)
    membership.refuse_unless(account(request), of_class, roles.DECIDES)
    challenge = _named(of_class, request.POST.get("challenge", ""))
    form = ReleaseForm(of_class, releases.rule_of(of_class, challenge), challenge, request.POST)
    if not form.is_valid():
        return _page(request, of_class, form, 422)
    by, seen = account(request), form.cleaned_data["seen"]
    try:
        if challenge is not None and form.follows:
            releasing.follow_class(of_class, challenge, by=by, seen=seen)
        else:
            releasing.change_rule(of_class, challenge, by=by, seen=seen, **form.settings())
    except Refused as refused:
        form.refuse(refused)
        if refused.code == "changed_meanwhile":
            form.see(changes.version_of(releases.settings_of(releases.rule_of(of_class, challenge))))
        return _page(request, of_class, form, refused.status)
    said = _("Saved for %(title)s. What learners have seen stays visible to them.")
    messages.success(request, said % {"title": challenge.title if challenge else _("all challenges")})
    return redirect("teach:release", of_class.pk)


@require_POST
@in_class(roles.DECIDES)
def release_now(request: HttpRequest, of_class: Class) -> HttpResponse:
    """Releases score or details, or both, at one challenge or at all."""
    challenge = _named(of_class, request.POST.get("challenge", ""))
    parts = tuple(part for part in releases.PARTS if part in request.POST.getlist("part"))
    provisional = "provisional" in request.POST
    count = releasing.release(
        of_class, challenge, by=account(request), parts=parts or releases.PARTS, provisional=provisional
    )
    said = ngettext("Released: %(count)d attempt.", "Released: %(count)d attempts.", count) if count else _("Released.")
    messages.success(request, said % {"count": count})
    return redirect("teach:release", of_class.pk)


@require_POST
@in_class(roles.DECIDES)
def release_end(request: HttpRequest, of_class: Class) -> HttpResponse:
    """Withholds later attempts again after a release by hand, at one challenge or at all."""
    releasing.withhold_later(of_class, _named(of_class, request.POST.get("challenge", "")), by=account(request))
    messages.success(request, _("Later attempts are withheld again. What learners have seen stays visible to them."))
    return redirect("teach:release", of_class.pk)


def waiting(scores: int, details: int) -> str:
    """Returns what a release shows now, as its button says it; an empty text if nothing is withheld."""
    if scores:
        return ngettext("Release %(count)d grade", "Release %(count)d grades", scores) % {"count": scores}
    if details:
        said = ngettext("Release the details of %(count)d grade", "Release the details of %(count)d grades", details)
        return said % {"count": details}
    return ""


def with_provisional(final: int, left_out: int) -> str:
    """Returns what the release of provisional grades shows now, as its button says it; an empty text without any."""
    if not left_out:
        return ""
    said = ngettext(
        "Release all %(all)d, with %(count)d provisional grade that no person has looked at",
        "Release all %(all)d, with %(count)d provisional grades that no person has looked at",
        left_out,
    )
    return said % {"all": final + left_out, "count": left_out}


def _named(of_class: Class, slug: str) -> Challenge | None:
    if not slug:
        return None
    found = {one.slug: one for one in queries.challenges_of(of_class, touched=False)}
    if slug not in found:
        raise Http404
    return found[slug]


def _waiting_in_all(rows: list[dict[str, Any]]) -> dict[str, str]:
    scores, details = sum(row["scores"] for row in rows), sum(row["release"].final_details for row in rows)
    left_out = sum(row["release"].left_out for row in rows)
    return {"waiting": waiting(scores, details), "provisional": with_provisional(scores or details, left_out)}


def _page(request: HttpRequest, of_class: Class, refused: ReleaseForm | None = None, status: int = 200) -> HttpResponse:
    rows: list[dict[str, Any]] = []
    by_hand, alone = queries.withheld_overrides(of_class), queries.withheld_overrides(of_class, alone=True)
    columns = {one.challenge: one for one in queries.columns_of(of_class, queries.learners(of_class))}
    for one in releasing.overview(of_class, queries.challenges_of(of_class, touched=False)):
        form = ReleaseForm(of_class, one.rule, one.challenge)
        is_refused = refused is not None and refused.challenge is not None and refused.challenge.pk == one.challenge.pk
        scores = one.final + alone.get(one.challenge.pk, 0)
        rows.append(
            {
                "release": one,
                "by_hand": by_hand.get(one.challenge.pk, 0),
                "form": refused if is_refused else form,
                "is_open": is_refused,
                "column": columns.get(one.challenge.pk),
                "scores": scores,
                "waiting": waiting(scores, one.final_details),
                "provisional": with_provisional(scores or one.final_details, one.left_out),
            }
        )
    own = releases.rule_of(of_class, None)
    of_all = refused if refused is not None and refused.challenge is None else ReleaseForm(of_class, own)
    context = {
        **shared(request, of_class, "release"),
        "rows": rows,
        "form": of_all,
        "rule": own,
        **_waiting_in_all(rows),
        "seen": sum(one.seen for one in columns.values()),
    }
    return render(request, "teach/classes/release.html", context, status=status)
