"""`manage.py backup` and `manage.py restore`: the database and the stored files as one folder with a manifest."""
