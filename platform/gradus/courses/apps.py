from django.apps import AppConfig


class CoursesConfig(AppConfig):
    name = "gradus.courses"
