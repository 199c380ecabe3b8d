"""`manage.py doctor`: looks at this machine and says how to mend what is wrong."""
