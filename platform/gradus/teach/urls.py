"""The addresses of the pages for people with a role in a course."""

from django.urls import path

from gradus.teach.views import classes, courses, dates, grades, members, people, preview, verification

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
    path("classes/", classes.class_list, name="classes"),
    path("classes/new", classes.class_new, name="class_new"),
    path("classes/<int:pk>/", classes.class_show, name="class"),
    path("classes/<int:pk>/code", classes.code_change, name="code"),
    path("classes/<int:pk>/members/", members.members_show, name="members"),
    path("classes/<int:pk>/members/marked", members.members_mark, name="members_mark"),
    path("classes/<int:pk>/members/<int:member>/", members.member_show, name="member"),
    path("classes/<int:pk>/members/<int:member>/why/", dates.why, name="why"),
    path("classes/<int:pk>/dates/", dates.dates_show, name="dates"),
    path("classes/<int:pk>/dates/<slug:key>/edit", dates.dates_edit, name="dates_edit"),
    path("classes/<int:pk>/dates/more/", dates.people_show, name="more_time"),
    path("classes/<int:pk>/dates/more/extend", dates.extend, name="extend"),
    path("classes/<int:pk>/dates/more/grant", dates.grant, name="grant"),
    path("classes/<int:pk>/labels/<int:label>", members.label_change, name="label"),
    path("classes/<int:pk>/grades/", grades.grades_show, name="grades"),
    path("classes/<int:pk>/grades/points", grades.grades_weigh, name="grades_weigh"),
    path("classes/<int:pk>/grades/excuse", grades.grades_excuse, name="grades_excuse"),
    path("classes/<int:pk>/grades/<slug:format>.csv", grades.grades_download, name="grades_download"),
    path("classes/<int:pk>/grades/<int:member>/<slug:slug>/", grades.cell_show, name="cell"),
    path("invitations/<slug:secret>/", people.invitation_show, name="invitation"),
]
