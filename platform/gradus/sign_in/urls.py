"""allauth includes these addresses under accounts/, and looks them up by their names."""

from django.urls import path

from gradus.sign_in import views

urlpatterns = [
    path("oidc/<slug:provider_id>/login/", views.login, name="openid_connect_login"),
    path("oidc/<slug:provider_id>/login/callback/", views.callback, name="openid_connect_callback"),
]
