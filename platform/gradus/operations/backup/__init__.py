"""`manage.py backup` and `manage.py restore`: one folder with the database, the stored files and a manifest."""
