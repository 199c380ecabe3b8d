"""What operators can do where a platform and this site do not get on: whom they ask for what."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

from gradus.refusal import Refused

# By the field of the platform's message that was wrong.
CLOCKS = _("Compare the clocks of this server and of the platform: both need a time service.")
KEYS = _(
    "Compare the public keyset URL with the platform's. Where it is right, ask the people who run the platform whether "
    "it lists the key that signs now."
)
MESSAGE = _("Ask the people who run the platform: this part of its message is not as LTI 1.3 has it.")
FIELDS = {
    "exp": CLOCKS,
    "iat": CLOCKS,
    "signature": KEYS,
    "kid": KEYS,
    "aud": _("Compare the client id here with the one at the platform."),
    "azp": _("Compare the client id here with the one at the platform."),
    "iss": _("Compare the issuer here with the one at the platform, letter by letter."),
    "sub": _("Ask the people who run the platform to change its privacy settings: it has to say who the person is."),
    "message_type": _("Ask the people who run the platform to make the link a resource link of LTI 1.3."),
    "version": _("Ask the people who run the platform to register this site as a tool of LTI 1.3."),
    "nonce": _("Somebody may have tried to use another launch's message. Where it happens often, ask the platform."),
}
LAUNCHES = {
    "deployment_new": _("Approve the deployment on the page of the platform, if the platform shows the same id."),
    "context_new": _("Choose the class of the platform's course on the page of the platform."),
    "too_many_waiting": _("Approve what is yours on the page of the platform. If it is none, switch the platform off."),
    "target_foreign": _("Ask the teacher who made the link at the platform to correct its address."),
    "target_of_another_course": _("Ask the teacher who made the link at the platform to correct its address."),
    "pick_not_allowed": _(
        "Nothing has to be done: somebody who does not teach the course wanted to pick pages for it."
    ),
    "pick_foreign": _(
        "Add the host to the addresses of the platform, if the people who run the platform say it is theirs."
    ),
    "pick_incomplete": _("Ask the people who run the platform: its request for pages is not as LTI 1.3 has it."),
    "pick_no_links": _("Ask the people who run the platform to let the tool give links of LTI (ltiResourceLink)."),
    "platform_away": _(
        "Ask the people who run the platform whether its public keyset URL answers, and your own whether this server "
        "can reach it."
    ),
    "platform_refused": _("Ask the people who run the platform what keeps it from saying who the person is."),
    "launch_repeated": _("Nothing has to be done: a browser, or somebody else, sent a launch twice."),
}
NETWORK = _("Ask the people who run the platform whether it works, and your own whether this server can reach it.")
SENDING = {
    400: _("Ask the people who run the platform what it has against the grade: its log says more."),
    401: _(
        "Ask the people who run the platform whether this site's client id may use the service for grades, and whether "
        "the platform reads this site's keys at /lti/keys.json."
    ),
    403: _("Ask the people who run the platform whether this site may send grades, or whether it asks too often."),
    404: _("The column or the learner may be gone at the platform. Ask the teacher of the course there."),
    409: _("Ask the people who run the platform what it has against the grade: its log says more."),
    410: _("The column or the learner may be gone at the platform. Ask the teacher of the course there."),
    422: _("Ask the people who run the platform what it has against the grade: its log says more."),
    429: _("Nothing has to be done: the grades are sent when the platform takes more again."),
}


def of_launch(refused: Refused) -> str:
    """Returns what operators can do about a launch that was refused, or ""."""
    if refused.code == "launch_refused":
        field = str(refused.problems[0]["field"]) if refused.problems else ""
        return str(FIELDS.get(field, MESSAGE))
    return str(LAUNCHES.get(refused.code, ""))


def of_sending(status: int) -> str:
    """Returns what operators can do about a grade that the platform does not take, by the status of its answer."""
    if 300 <= status < 400:
        return str(_("Ask the people who run the platform for the address of its services, and correct it here."))
    return str(SENDING.get(status, NETWORK))
