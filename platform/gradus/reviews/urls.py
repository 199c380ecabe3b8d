"""The addresses of the pages for reviewers."""

from django.urls import path

from gradus.reviews.views import bulk, figures, question, regrade, review, snippets

app_name = "reviews"
urlpatterns = [
    path("", review.review_list, name="queue"),
    path("question/<slug:slug>/", question.question_show, name="question"),
    path("question/<slug:slug>/<int:pk>", question.answer_record, name="answer_record"),
    path("question/<slug:slug>/locks", question.locks_renew, name="locks_renew"),
    path("question/<slug:slug>/bulk/", bulk.bulk_show, name="bulk"),
    path("question/<slug:slug>/blind", bulk.blind_choose, name="blind"),
    path("snippets/", snippets.snippet_list, name="snippets"),
    path("snippets/<int:pk>", snippets.snippet_change, name="snippet"),
    path("<int:pk>/", review.review_show, name="review"),
    path("<int:pk>/gold", review.gold_create, name="gold_create"),
    path("gold/<slug:slug>.jsonl", review.gold_rows, name="gold_rows"),
    path("gold/<slug:slug>/consent", figures.gold_consent, name="gold_consent"),
    path("accuracy/", figures.accuracy_show, name="accuracy"),
    path("judge/", figures.spending_show, name="spending"),
    path("calibration/", figures.calibration_list, name="calibrations"),
    path("calibration/<int:pk>/", figures.calibration_show, name="calibration"),
    path("regrades/", regrade.regrade_list, name="regrades"),
    path("regrades/<int:pk>/", regrade.regrade_show, name="regrade"),
]
