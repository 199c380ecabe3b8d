import os
from importlib import import_module

import django
from django.conf import settings

from gradus.static_files import served
from gradus.thread_handler import Handler

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "gradus.settings")
django.setup(set_prefix=False)
# Here and not at the first request: on a reload the old process ends once this one listens.
import_module(settings.ROOT_URLCONF)
application = served(Handler(settings.WEB_THREADS), settings.STATIC_ROOT)
