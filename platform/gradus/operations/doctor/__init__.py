"""`manage.py doctor`: checks this machine and the site, and says how to fix what is wrong."""
