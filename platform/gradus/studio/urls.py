"""The addresses of the studio."""

from django.urls import path

from gradus.studio import views

app_name = "studio"
urlpatterns = [
    path("write-a-challenge/", views.write, name="write"),
    path("courses/new", views.course_new, name="course_new"),
    path("courses/<slug:slug>/studio/", views.studio_show, name="studio"),
    path("courses/<slug:slug>/studio/problems", views.problems_show, name="problems"),
    path("courses/<slug:slug>/studio/file/", views.file_show, name="file"),
    path("courses/<slug:slug>/studio/rows/", views.rows_show, name="rows"),
    path("courses/<slug:slug>/studio/add", views.add, name="add"),
    path("courses/<slug:slug>/studio/import", views.rows_import, name="import"),
    path("courses/<slug:slug>/studio/draft", views.draft_make, name="draft"),
    path("courses/<slug:slug>/studio/publish", views.draft_publish, name="publish"),
    path("courses/<slug:slug>/studio/discard", views.draft_discard, name="discard"),
    path("courses/<slug:slug>/studio/rollback", views.course_rollback, name="rollback"),
]
