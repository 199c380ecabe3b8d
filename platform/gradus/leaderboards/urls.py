"""The addresses of the leaderboards."""

from django.urls import path

from gradus.leaderboards import views

app_name = "leaderboards"
urlpatterns = [
    path("", views.board_list, name="index"),
    path("<slug:slug>/", views.board_show, name="board"),
    path("<slug:slug>/hidden/", views.board_hidden, name="hidden"),
    path("<slug:slug>/shake-up/", views.shake_up_show, name="shake_up"),
    path("<slug:slug>/begin/", views.board_begin, name="begin"),
]
