"""`make smoke`: starts a site and uses it over HTTP, as learners and staff do."""
