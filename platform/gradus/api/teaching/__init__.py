"""The calls about a class: itself and its members, roster, dates, grades and announcements."""
