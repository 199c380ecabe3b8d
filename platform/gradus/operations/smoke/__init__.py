"""`manage.py smoke`: the main job over HTTP, as learners and staff do it, on a site of its own."""
