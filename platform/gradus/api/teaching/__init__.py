"""The API calls about a class: its settings, members, roster, dates, grades and announcements."""
