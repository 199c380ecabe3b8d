"""Pure grading: rules and labels, no model, no network, no database."""
