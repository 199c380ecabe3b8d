"""Learning platforms such as Canvas, Moodle and Open edX, which send people here by LTI 1.3.

`messages.py` checks what they send, `launches.py` brings the browser in, `keys.py` has this site's keys and
theirs.
"""
