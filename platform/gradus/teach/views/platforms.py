"""The pages on which operators register learning platforms, approve deployments and connect courses with classes."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_POST

from gradus.lti import advice, keys, registering, services
from gradus.lti.models import Context, Deployment, Platform
from gradus.lti.status import waiting
from gradus.refusal import Refused
from gradus.teach.platform_forms import AddressesForm, ClassOfContextForm, PlatformForm
from gradus.teach.views.access import account

View = Callable[..., HttpResponse]


def for_operators(view: View) -> View:
    """A decorator for views of staff of the site. All others are told that there is no such page."""

    @login_required
    @wraps(view)
    def answer(request: HttpRequest, **given: Any) -> HttpResponse:
        if not account(request).is_staff:
            raise Http404
        return view(request, **given)

    return answer


@for_operators
def platform_list(request: HttpRequest) -> HttpResponse:
    """Lists the platforms, with what each of them lacks and what it did last."""
    found = Platform.objects.select_related("registration").prefetch_related("deployments__contexts")
    rows = [{"platform": one, "waiting": waiting(one)} for one in found]
    return render(request, "teach/platforms/list.html", {"rows": rows, "tool": _tool(request)})


@for_operators
def platform_new(request: HttpRequest) -> HttpResponse:
    """Shows the form of a new platform. A POST registers it."""
    form = PlatformForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            made = services.add(by=account(request), **form.cleaned_data)
        except Refused as refused:
            form.refuse(refused)
        else:
            messages.success(request, _("The platform is registered. Approve its deployment once somebody has come."))
            return redirect("teach:platform", made.pk)
    context = {"form": form, "tool": _tool(request)}
    return render(request, "teach/platforms/new.html", context, status=422 if form.errors else 200)


@require_POST
@for_operators
def platform_link(request: HttpRequest) -> HttpResponse:
    """Makes a link by which a platform registers itself, and shows it once."""
    secret = registering.make(by=account(request))
    link = request.build_absolute_uri(reverse("lti:register", args=[secret]))
    context = {"form": PlatformForm(), "tool": _tool(request), "link": link}
    return render(request, "teach/platforms/new.html", context)


@for_operators
def platform_show(request: HttpRequest, pk: int) -> HttpResponse:
    """Shows a platform with its deployments and courses. A POST changes its addresses, or what `action` says."""
    platform = get_object_or_404(Platform, pk=pk)
    user, action = account(request), request.POST.get("action", "")
    if request.method != "POST":
        return _page(request, platform)
    if action == "check":
        fault = keys.fetch(platform)
        said = _("The platform's keys are here.")
        if platform.skew is not None:
            apart = ngettext(
                "Its clock and this server's are %(seconds)s second apart.",
                "Its clock and this server's are %(seconds)s seconds apart.",
                round(abs(platform.skew)),
            )
            said = f"{said} {apart % {'seconds': round(abs(platform.skew))}}"
        wrong = f"{fault} {advice.LAUNCHES['platform_away']}" if fault else ""
        (messages.warning if fault else messages.success)(request, wrong or said)
        return redirect("teach:platform", platform.pk)
    if action in ("open", "close"):
        said = _("People can come from it again.") if action == "open" else _("Nobody can come from it any more.")
        if action == "open" and platform.waits:
            said = _("The platform is approved. Approve its deployment next, or once somebody has come from it.")
        services.open_or_close(platform, by=user, is_open=action == "open")
        messages.success(request, said)
        return redirect("teach:platform", platform.pk)
    form = AddressesForm.of(platform, request.POST)
    if form.is_valid():
        try:
            services.change(platform, by=user, **form.cleaned_data)
        except Refused as refused:
            form.refuse(refused)
        else:
            messages.success(request, _("Saved."))
            return redirect("teach:platform", platform.pk)
    return _page(request, platform, form=form, status=422)


@require_POST
@for_operators
def deployment_change(request: HttpRequest, pk: int, deployment: int) -> HttpResponse:
    """Approves a deployment, or ends that."""
    found = get_object_or_404(Deployment, pk=deployment, platform=pk)
    approved = request.POST.get("action") != "end"
    services.approve(found, by=account(request), approved=approved)
    said = _("People can come from this deployment now.") if approved else _("Nobody can come from it any more.")
    messages.success(request, said)
    return redirect("teach:platform", pk)


@require_POST
@for_operators
def context_change(request: HttpRequest, pk: int, context: int) -> HttpResponse:
    """Says which class a course of the platform is."""
    found = get_object_or_404(Context, pk=context, deployment__platform=pk)
    form = ClassOfContextForm(found, request.POST)
    if form.is_valid():
        try:
            services.connect(found, form.cleaned_data["of_class"], by=account(request))
        except Refused as refused:
            form.refuse(refused)
        else:
            messages.success(request, _("Saved. It holds from the next launch on."))
            return redirect("teach:platform", pk)
    return _page(request, found.deployment.platform, contexts={found.pk: form}, status=422)


def _page(
    request: HttpRequest,
    platform: Platform,
    *,
    form: AddressesForm | None = None,
    contexts: dict[int, ClassOfContextForm] | None = None,
    status: int = 200,
) -> HttpResponse:
    found = Context.objects.filter(deployment__platform=platform).select_related("of_class__course", "deployment")
    context = {
        "platform": platform,
        "tool": _tool(request),
        "form": form or AddressesForm.of(platform),
        "deployments": platform.deployments.select_related("approved_by"),
        "contexts": [(one, (contexts or {}).get(one.pk) or ClassOfContextForm(one)) for one in found],
        "waiting": waiting(platform),
    }
    return render(request, "teach/platforms/platform.html", context, status=status)


def _tool(request: HttpRequest) -> list[tuple[str, str]]:
    """Returns what an operator types at the platform, by the platform's usual names."""
    names = [
        (_("Tool URL, or target link URI"), "home"),
        (_("Login initiation URL"), "lti:login"),
        (_("Redirect URI"), "lti:launch"),
        (_("Content selection, or deep linking URL"), "lti:pick"),
        (_("Public keyset URL"), "lti:keys"),
    ]
    return [(label, request.build_absolute_uri(reverse(name))) for label, name in names]
