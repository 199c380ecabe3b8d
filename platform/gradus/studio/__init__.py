"""The studio, in which authors change the files of a course on the site."""
