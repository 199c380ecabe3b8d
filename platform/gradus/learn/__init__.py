"""The learner's pages.

`lesson/`, `path/`, `result/`, `demo/` and `findings/` have what they show, `views/` the views.
"""
