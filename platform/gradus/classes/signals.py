"""Signals of classes. Each is sent after a change, within its transaction."""

from django.dispatch import Signal

members_changed = Signal()
"""Members joined, left, came back, or got other labels or another role.

`sender` is the `Class` model, `of_class` the class, and `members` a set of the members' keys, or None for all of them.
"""

members_merged = Signal()
"""Two members of a class turned out to be one person. What belongs to the member `gone` moves to the member `kept`.

It is sent before rows with a foreign key to `gone` are moved one by one, for apps that have to do more than that. A row
that the database refuses to move, because `kept` has such a row already, goes with `gone`.
"""

dates_changed = Signal()
"""Dates, extensions or granted attempts of a class changed.

`sender` is the `Class` model, `of_class` the class, and `members` a set of the members' keys, or None for all of them.
"""
