from django.apps import AppConfig, apps
from django.conf import settings


class OperationsConfig(AppConfig):
    name = "gradus.operations"

    def ready(self) -> None:
        from django.conf.locale import LANG_INFO
        from django.db.models.signals import post_migrate, pre_migrate
        from django.utils import translation

        from challenges.translation import use
        from gradus import pseudo_locale
        from gradus.django_internals import add_language
        from gradus.operations import checks  # noqa: F401
        from gradus.operations.worker_role import setting_up

        # Django tells them only of apps with models.
        one = apps.get_app_config("submissions")
        pre_migrate.connect(setting_up.before_migration, sender=one, dispatch_uid="worker-rights-withdrawn")
        post_migrate.connect(setting_up.after_migration, sender=one, dispatch_uid="worker-rights-given")

        use(translation)
        if pseudo_locale.CODE in dict(settings.LANGUAGES):
            LANG_INFO[pseudo_locale.CODE] = pseudo_locale.INFO
            add_language(pseudo_locale.CODE, pseudo_locale.PseudoTranslation())
