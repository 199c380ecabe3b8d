from django.apps import AppConfig


class CoursesConfig(AppConfig):
    name = "gradus.courses"

    def ready(self) -> None:
        from django.db.models.signals import pre_delete, pre_save

        from gradus.courses import receivers
        from gradus.courses.models import Course

        pre_save.connect(receivers.before_save, sender=Course, dispatch_uid="staff")
        pre_delete.connect(receivers.before_delete, sender=Course, dispatch_uid="versions-go-with-their-course")
