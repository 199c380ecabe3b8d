"""The addresses of notices."""

from django.urls import path

from gradus.notices import views

app_name = "notices"
urlpatterns = [
    path("", views.notice_list, name="list"),
    path("by-mail", views.mail_wish, name="mail_wish"),
]
