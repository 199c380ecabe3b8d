"""The addresses of a site where GRADUS_MAIL_CODES is on: allauth adds them when it is loaded."""

from allauth.account.views import request_login_code
from django.urls import path

from gradus import urls

handler400, handler500, handler429 = urls.handler400, urls.handler500, urls.handler429
urlpatterns = [
    path("accounts/login/code/", request_login_code, name="account_request_login_code"),
    *urls.urlpatterns,
]
