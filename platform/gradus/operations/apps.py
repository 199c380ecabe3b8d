from django.apps import AppConfig
from django.conf import settings


class OperationsConfig(AppConfig):
    name = "gradus.operations"

    def ready(self) -> None:
        from django.conf.locale import LANG_INFO
        from django.utils import translation

        from challenges.translation import use
        from gradus import pseudo_locale
        from gradus.django_internals import add_language
        from gradus.operations import checks  # noqa: F401

        use(translation)
        if pseudo_locale.CODE in dict(settings.LANGUAGES):
            LANG_INFO[pseudo_locale.CODE] = pseudo_locale.INFO
            add_language(pseudo_locale.CODE, pseudo_locale.PseudoTranslation())
