from django.urls import path

from gradus.learn.kinds.rag import documents
from gradus.learn.kinds.tune import form_views as tune
from gradus.learn.views import (
    advisor,
    challenge,
    compare,
    course,
    demo,
    finding,
    history,
    lesson,
    report,
    run,
    submission,
)
from gradus.learn.views import path as path_views
from gradus.learn.views import profile as profiles

app_name = "learn"
urlpatterns = [
    path("path/", path_views.path, name="path"),
    path("courses/<slug:slug>/", course.course, name="course"),
    path("lessons/<slug:slug>/", lesson.lesson, name="lesson"),
    path("lessons/<slug:slug>/advisor/", advisor.advisor, name="advisor"),
    path("lessons/<slug:slug>/demo/", demo.demo, name="demo"),
    path("lessons/<slug:slug>/demo/panel/<uuid:uuid>/", demo.demo_panel, name="demo_panel"),
    path("lessons/<slug:slug>/demo/<uuid:zero>/<uuid:few>/<uuid:tuned>/", demo.demo_result, name="demo_result"),
    path("lessons/<slug:slug>/findings/<slug:name>/", finding.finding, name="finding"),
    path("lessons/<slug:slug>/findings/<slug:name>/runs", finding.finding_run, name="finding_run"),
    path("contributions/<int:pk>/withdraw", finding.contribution_withdraw, name="contribution_withdraw"),
    path("challenges/<slug:slug>/", challenge.challenge, name="challenge"),
    path("challenges/<slug:slug>/hint", challenge.hint, name="hint"),
    path("challenges/<slug:slug>/dataset-check", tune.dataset_check, name="dataset_check"),
    path("challenges/<slug:slug>/starter.jsonl", tune.starter, name="starter"),
    path("challenges/<slug:slug>/starter", tune.starter_use, name="starter_use"),
    path("challenges/<slug:slug>/documents/", documents.documents, name="documents"),
    path("challenges/<slug:slug>/documents.jsonl", documents.documents_file, name="documents_file"),
    path("challenges/<slug:slug>/updates.jsonl", documents.updates_file, name="updates_file"),
    path("challenges/<slug:slug>/public.jsonl", challenge.samples, name="samples"),
    path("challenges/<slug:slug>/solution/", challenge.solution, name="solution"),
    path("challenges/<slug:slug>/board/", challenge.board, name="board"),
    path("challenges/<slug:slug>/compare/", compare.compare, name="compare"),
    path("challenges/<slug:slug>/history", history.history, name="history"),
    path("challenges/<slug:slug>/report/", report.report, name="report"),
    path("challenges/<slug:slug>/run", run.run_start, name="run_start"),
    path("challenges/<slug:slug>/tokens", run.tokens, name="tokens"),
    path("challenges/<slug:slug>/submit", submission.submit, name="submit"),
    path("runs/<uuid:uuid>/", run.run, name="run"),
    path("runs/<uuid:uuid>/fragment", run.run_fragment, name="run_fragment"),
    path("runs/<uuid:uuid>/events", run.run_events, name="run_events"),
    path("runs/<uuid:uuid>/name", history.run_name, name="run_name"),
    path("runs/<uuid:uuid>/cancel", run.run_cancel, name="run_cancel"),
    path("submissions/<uuid:uuid>/", submission.submission, name="submission"),
    path("submissions/<uuid:uuid>/fragment", submission.submission_fragment, name="submission_fragment"),
    path("submissions/<uuid:uuid>/events", submission.submission_events, name="submission_events"),
    path("submissions/<uuid:uuid>/cancel", submission.submission_cancel, name="submission_cancel"),
    path("submissions/<uuid:uuid>/appeal", submission.submission_appeal, name="submission_appeal"),
    path("submissions/<uuid:uuid>/artifact", submission.artifact, name="artifact"),
    path("submissions/<uuid:uuid>/receipt", submission.receipt, name="receipt"),
    path("profile/tokens/", profiles.token_create, name="token_create"),
    path("profile/tokens/<int:pk>/revoke", profiles.token_revoke, name="token_revoke"),
]
