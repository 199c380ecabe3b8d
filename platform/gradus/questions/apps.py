from django.apps import AppConfig


class QuestionsConfig(AppConfig):
    name = "gradus.questions"
