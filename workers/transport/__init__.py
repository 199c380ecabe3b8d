"""Where workers meet the site: in the same process and database (`beside`), or over HTTPS (`http`)."""
