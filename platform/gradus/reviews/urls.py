"""The addresses of the pages for reviewers."""

from collections.abc import Callable

from django.contrib.auth.decorators import login_required
from django.http import HttpResponse
from django.urls import URLPattern, path

from gradus.reviews.views import bulk, figures, question, regrade, review, snippets


def page(route: str, view: Callable[..., HttpResponse], name: str) -> URLPattern:
    """Returns an address that leads people who are signed out to the sign-in, whatever stands there."""
    return path(route, login_required(view), name=name)


app_name = "reviews"
urlpatterns = [
    page("", review.review_list, name="queue"),
    page("question/<slug:slug>/", question.question_show, name="question"),
    page("question/<slug:slug>/<int:pk>", question.answer_record, name="answer_record"),
    page("question/<slug:slug>/locks", question.locks_renew, name="locks_renew"),
    page("question/<slug:slug>/bulk/", bulk.bulk_show, name="bulk"),
    page("question/<slug:slug>/blind", bulk.blind_choose, name="blind"),
    page("snippets/", snippets.snippet_list, name="snippets"),
    page("snippets/<int:pk>", snippets.snippet_change, name="snippet"),
    page("<int:pk>/", review.review_show, name="review"),
    page("<int:pk>/gold", review.gold_create, name="gold_create"),
    page("gold/<slug:slug>.jsonl", review.gold_rows, name="gold_rows"),
    page("gold/<slug:slug>/consent", figures.gold_consent, name="gold_consent"),
    page("accuracy/", figures.accuracy_show, name="accuracy"),
    page("judge/", figures.spending_show, name="spending"),
    page("calibration/", figures.calibration_list, name="calibrations"),
    page("calibration/<int:pk>/", figures.calibration_show, name="calibration"),
    page("regrades/", regrade.regrade_list, name="regrades"),
    page("regrades/<int:pk>/", regrade.regrade_show, name="regrade"),
]
