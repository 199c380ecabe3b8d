"""The addresses of notices."""

from django.urls import path

from gradus.notices import views

app_name = "notices"
urlpatterns = [
    path("", views.notice_list, name="list"),
    path("bell", views.bell_show, name="bell"),
    path("by-mail", views.mail_wish, name="mail_wish"),
]
