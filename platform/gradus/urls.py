"""The addresses of the site. Each app lists its own; the addresses of pages that belong to no app stand here."""

from django.contrib import admin
from django.urls import include, path
from django.views.i18n import set_language

from gradus.accounts.rate_limits import too_many
from gradus.api import api
from gradus.fleet.views import worker_change, workers_page
from gradus.friends.views import friends
from gradus.learn.views.path import home
from gradus.learn.views.profile import profile
from gradus.own_data.merge_views import account_merge, merge_propose
from gradus.own_data.views import (
    account_delete,
    account_keep,
    my_data,
    staff_account_delete,
    staff_account_keep,
    what_is_kept,
)
from gradus.receipts.signing import WELL_KNOWN
from gradus.receipts.views import receipt_check, receipt_keys
from gradus.request_checks import bad_request, failed
from gradus.submissions.views import health_page, metrics

urlpatterns = [
    path("", home, name="home"),
    path("", include("gradus.learn.urls")),
    path("leaderboards/", include("gradus.leaderboards.urls")),
    path("reviews/", include("gradus.reviews.urls")),
    path("teach/", include("gradus.studio.urls")),
    path("teach/", include("gradus.teach.urls")),
    path("lti/", include("gradus.lti.urls")),
    path("notices/", include("gradus.notices.urls")),
    path("language/", set_language, name="set_language"),
    path("receipts/", receipt_check, name="receipt_check"),
    path(WELL_KNOWN.removeprefix("/"), receipt_keys, name="receipt_keys"),
    path("metrics", metrics, name="metrics"),
    path("profile/", profile, name="profile"),
    path("profile/friends/", friends, name="friends"),
    path("profile/my-data.json", my_data, name="my_data"),
    path("profile/delete/", account_delete, name="account_delete"),
    path("profile/merge/", account_merge, name="account_merge"),
    path("teach/merge/", merge_propose, name="merge_propose"),
    path("profile/keep", account_keep, name="account_keep"),
    path("api/workers/v1/", include("gradus.fleet.urls")),
    path("api/v1/", api.urls),
    path("accounts/", include("allauth.urls")),
    path("admin/health/", admin.site.admin_view(health_page), name="health"),
    path("admin/workers/", admin.site.admin_view(workers_page), name="workers"),
    path("admin/workers/<slug:name>", admin.site.admin_view(worker_change), name="worker_change"),
    path("admin/kept/", admin.site.admin_view(what_is_kept), name="what_is_kept"),
    path("admin/delete-account/<int:pk>/", admin.site.admin_view(staff_account_delete), name="staff_account_delete"),
    path("admin/keep-account/<int:pk>", admin.site.admin_view(staff_account_keep), name="staff_account_keep"),
    path("admin/", admin.site.urls),
]

# Django and allauth look these three up by name.
handler400 = bad_request
handler500 = failed
handler429 = too_many
