from django.urls import path

from gradus.fleet import door

app_name = "fleet"
urlpatterns = [
    path("files/<str:signed>", door.file, name="file"),
    path("<slug:name>", door.call, name="call"),
]
