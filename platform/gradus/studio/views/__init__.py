"""The pages of the studio. They are for editors and owners of a course alone, because its files hold hidden rows."""
