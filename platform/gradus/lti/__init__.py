"""Learning platforms such as Canvas, Moodle and Open edX, which send people here by LTI 1.3."""
