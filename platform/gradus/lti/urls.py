"""The addresses that learning platforms send browsers to, and the public keys of this site."""

from django.urls import path

from gradus.lti import pick_views, registration_views, views

app_name = "lti"
urlpatterns = [
    path("login", views.login_begin, name="login"),
    path("launch", views.launch_take, name="launch"),
    path("enter", views.launch_enter, name="enter"),
    path("pick", pick_views.pick, name="pick"),
    path("register/<slug:secret>", registration_views.register, name="register"),
    path("keys.json", views.tool_keys, name="keys"),
]
