"""Signals of classes. Each is sent after a change, within its transaction."""

from django.dispatch import Signal

changed = Signal()
"""Something changed on which grades of a class depend: its members, their labels or roles, dates, or settings.

`sender` is the `Class` model, `of_class` the class, `members` a set of the keys of the members who are concerned, or
None for all of them, and `challenges` one of the challenges' keys, which is left out where all are concerned.
"""

members_merged = Signal()
"""Two members of a class turned out to be one person. What belongs to the member `gone` moves to the member `kept`.

It is sent before rows with a foreign key to `gone` are moved one by one, for apps that have to do more than that. A row
that the database refuses to move, because `kept` has such a row already, goes with `gone`.
"""
