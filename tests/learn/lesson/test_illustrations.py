"""The palette that drawings may name is the one that the page has."""

import re

from django.conf import settings

from challenges.lesson.svg_rules import CLASSES


def test_every_class_that_a_drawing_may_name_has_a_style_and_the_other_way_round():
    style = (settings.BASE_DIR / "static/css/lesson.css").read_text()
    assert set(re.findall(r"\.illustration \.([a-z-]+) \{", style)) == CLASSES
