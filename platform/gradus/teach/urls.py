"""The addresses of the pages for people with a role in a course."""

from django.urls import path

from gradus.teach.views import courses, people, preview, verification

app_name = "teach"
urlpatterns = [
    path("", courses.course_list, name="courses"),
    path("courses/<slug:slug>/", courses.course_show, name="course"),
    path("courses/<slug:slug>/preview/", preview.preview_begin, name="preview"),
    path("courses/<slug:slug>/preview/leave", preview.preview_leave, name="preview_leave"),
    path("courses/<slug:slug>/people/", people.people_show, name="people"),
    path("courses/<slug:slug>/people/<int:pk>", people.role_change, name="role"),
    path("courses/<slug:slug>/people/leave", people.course_leave, name="leave"),
    path("courses/<slug:slug>/invitations/<int:pk>/withdraw", people.invitation_withdraw, name="withdraw"),
    path("courses/<slug:slug>/verification/<int:pk>/", verification.verification_show, name="verification"),
    path("courses/<slug:slug>/verification/<int:pk>/findings", verification.findings_check, name="findings"),
    path("invitations/<slug:secret>/", people.invitation_show, name="invitation"),
]
