import os

import django
from django.conf import settings

from gradus.handler import Handler

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "gradus.settings")
django.setup(set_prefix=False)
application = Handler(settings.WEB_THREADS)
