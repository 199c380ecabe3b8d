"""How each language writes dates, where Gradus differs from Django. A template names one: `|date:'DATETIME_FORMAT'`."""
