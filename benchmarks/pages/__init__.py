"""How heavy the pages of the site are in a browser, and how calmly they appear."""
