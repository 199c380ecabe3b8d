"""The addresses of the studio."""

from django.urls import path

from gradus.studio.views import courses, drafts, files, trying

app_name = "studio"
urlpatterns = [
    path("write-a-challenge/", courses.write, name="write"),
    path("courses/new", courses.course_new, name="course_new"),
    path("courses/<slug:slug>/studio/", courses.studio_show, name="studio"),
    path("courses/<slug:slug>/studio/problems", courses.problems_show, name="problems"),
    path("courses/<slug:slug>/studio/file/", files.file_show, name="file"),
    path("courses/<slug:slug>/studio/preview", files.preview, name="preview"),
    path("courses/<slug:slug>/studio/try/", trying.try_show, name="try"),
    path("courses/<slug:slug>/studio/rows/", files.rows_show, name="rows"),
    path("courses/<slug:slug>/studio/add", courses.add, name="add"),
    path("courses/<slug:slug>/studio/import", courses.rows_import, name="import"),
    path("courses/<slug:slug>/studio/upload", drafts.upload, name="upload"),
    path("courses/<slug:slug>/studio/draft", drafts.draft_make, name="draft"),
    path("courses/<slug:slug>/studio/publish", drafts.draft_publish, name="publish"),
    path("courses/<slug:slug>/studio/discard", drafts.draft_discard, name="discard"),
    path("courses/<slug:slug>/studio/rollback", drafts.course_rollback, name="rollback"),
]
