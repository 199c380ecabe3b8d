"""Deletes accounts in tests, as an operator does who leaves no time to change one's mind."""

from gradus.accounts.models import User
from gradus.own_data import deletion, erasing


def delete(user: User) -> bool:
    deletion.ask(user, reason="Asked for by mail.", at_once=True)
    return erasing.erase(user.pk, waits=True)
