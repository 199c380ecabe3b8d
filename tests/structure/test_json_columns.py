"""Each column of JSON of ours has bounds; the database does not know of them."""

from __future__ import annotations

from django.apps import apps
from django.db import models
from django.db.models import Model

from gradus.stored_json import JSONField


def of_ours() -> list[type[Model]]:
    return [model for model in apps.get_models() if model.__module__.startswith("gradus.")]


def test_no_model_of_ours_uses_the_field_of_django() -> None:
    columns = [field for model in of_ours() for field in model._meta.fields if isinstance(field, models.JSONField)]
    assert len(columns) > 50
    assert [str(field) for field in columns if not isinstance(field, JSONField)] == []


def test_migrations_name_the_field_of_django() -> None:
    _name, path, args, options = JSONField(null=True, default=dict).deconstruct()
    assert (path, args, options) == ("django.db.models.JSONField", [], {"null": True, "default": dict})
    _name, _path, _args, own = JSONField(encoder=None).deconstruct()
    assert own == {}
