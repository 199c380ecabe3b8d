"""Where a platform's launch arrives: its begin, its signed message, and the browser that comes for it."""

from __future__ import annotations

from urllib.parse import urlencode

from allauth.account.utils import perform_login
from django.contrib import messages as notes
from django.contrib.auth import login, logout
from django.http import HttpRequest, HttpResponse, HttpResponseBase, HttpResponseRedirect, JsonResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.cache import cache_control
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from gradus.accounts import guests, second_factor
from gradus.accounts.models import User
from gradus.lti import browsers, keys, launches, messages
from gradus.lti.models import Platform
from gradus.refusal import Refused

# What a platform puts into the request with which a launch begins.
BEGIN = ("iss", "client_id", "login_hint", "lti_message_hint", "target_link_uri", "lti_deployment_id")


@csrf_exempt
@require_http_methods(["GET", "HEAD", "POST"])
def login_begin(request: HttpRequest) -> HttpResponseBase:
    """Sends the browser back to the platform for the signed message. In a frame, offers a new window instead.

    A pick for deep linking stays in its frame, where many platforms wait for its answer.
    """
    given = request.POST if request.method == "POST" else request.GET
    picks = messages.text_of(given, "target_link_uri", 4000) == request.build_absolute_uri(reverse("lti:pick"))
    if browsers.is_framed(request) and not picks:
        return in_frame(request)
    browser = browsers.known(request) or browsers.new()
    try:
        address = messages.begin(given, browser, request.build_absolute_uri(reverse("lti:launch")))
    except Refused as refused:
        return browsers.refusal(request, refused)
    answer = HttpResponseRedirect(address)
    browsers.remember(request, answer, browser, messages.STATE_SECONDS)
    return answer


@browsers.in_any_frame
def in_frame(request: HttpRequest) -> HttpResponse:
    """A page in the platform's frame, where browsers keep cookies from this site: its one link opens a new window.

    Its link does what any link to this address does.
    """
    given = request.POST if request.method == "POST" else request.GET
    begun = {name: text for name in BEGIN if (text := messages.text_of(given, name, 4000))}
    link = f"{reverse('lti:login')}?{urlencode(begun)}"
    return render(request, "lti/in_frame.html", {"link": link})


@csrf_exempt
@require_POST
def launch_take(request: HttpRequest) -> HttpResponseBase:
    """Takes the platform's signed message, and sends the browser on to `launch_enter`, or to `pick`."""
    platform = None
    try:
        state = messages.state_of(request.POST.get("state", ""))
        known = Platform.objects.filter(pk=state.platform).first()
        if known is None or not known.is_open:
            raise messages.closed(known)
        platform = known
        if "id_token" not in request.POST and request.POST.get("error"):
            raise Refused("platform_refused", _("The platform has refused to say who you are."), 400)
        message = messages.read(platform, state, request.POST.get("id_token", ""))
        secret = launches.accept(platform, state, message, request.get_host())
    except Refused as refused:
        if platform is not None:
            launches.note_refusal(platform, refused)
        return browsers.refusal(request, refused)
    there = reverse("lti:enter" if message.asks is None else "lti:pick")
    return HttpResponseRedirect(f"{there}?{urlencode({'launch': secret})}", status=303)


@require_safe
def launch_enter(request: HttpRequest) -> HttpResponseBase:
    """Signs the person in whom the platform's message names, if this browser began the launch.

    The site asks for the second factor of an account that has one before it is signed in.
    """
    before = request.user
    try:
        if browsers.is_framed(request):
            said = _("This link does not open in a frame, where browsers keep this site from signing you in.")
            raise Refused("launch_framed", said, 409)
        entered = launches.enter(request, request.GET.get("launch", ""), browsers.known(request))
    except Refused as refused:
        return browsers.refusal(request, refused)
    if before == entered.user:
        return HttpResponseRedirect(entered.path)
    answer = _sign_in(request, entered)
    if isinstance(before, User):
        said = _("You came from your learning platform, so its account is signed in now, no longer “%(name)s”.")
        notes.info(request, said % {"name": before.pseudonym})
    return answer


def _sign_in(request: HttpRequest, entered: launches.Entered) -> HttpResponseBase:
    """Begins a new session, also where somebody was signed in already. A second factor is asked for first."""
    if second_factor.has_factor(entered.user):
        if request.user.is_authenticated:
            logout(request)
        asked: HttpResponse = perform_login(request, entered.user, email_verification="none", redirect_url=entered.path)
        return asked
    login(request, entered.user, backend="django.contrib.auth.backends.ModelBackend")
    guests.leave(request)
    request.session[second_factor.FROM_PLATFORM] = entered.user.pk
    return HttpResponseRedirect(entered.path)


@require_safe
@cache_control(public=True, max_age=300)
def tool_keys(request: HttpRequest) -> JsonResponse:
    """This site's public keys, as a platform asks for them."""
    return JsonResponse({"keys": keys.published()})
