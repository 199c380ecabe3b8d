"""Lists every code that an error response may have, by HTTP status. Scripts rely on them: a code keeps its meaning."""

CODES: dict[int, tuple[str, ...]] = {
    400: ("bad_request",),
    401: ("token_expired", "unauthenticated", "wrong_credentials"),
    403: (
        "account_needed", "class_ended", "class_not_begun", "closed", "forbidden", "lowers", "missing_role",
        "missing_scope", "not_author", "not_passed", "not_released", "not_staff", "other_address", "own_answer",
        "own_grade", "scope_not_yours", "second_factor_needed", "sign_in_needed",
    ),
    404: (
        "code_unknown", "invitation_over", "no_course", "no_draft", "no_member", "no_such_version", "not_found",
    ),
    405: ("method_not_allowed",),
    408: ("too_slow",),
    409: (
        "adapter_missing", "address_taken", "already_run", "annulled_already", "answered_already", "appealed",
        "archive_missing", "attempts_used", "blind_first", "busy", "cannot_tell", "certainty_unknown", "changed",
        "changed_meanwhile", "chats_off", "collected", "computed", "decided", "deleted", "earlier_waits", "ended",
        "ended_already", "follows", "frozen", "grades_withheld", "has_reasons", "has_role", "in_bulk", "in_doubt",
        "invitation_used", "invited_already", "is_live", "key_reused", "label_has_announcements", "label_has_dates",
        "label_taken", "last_owner", "locked", "locks_held", "marked_already", "moved", "name_taken", "no_grade",
        "no_role", "not_graded", "not_held", "not_locked", "not_open", "not_overridden", "not_released",
        "not_renumbered", "nothing_trained", "nothing_waits", "open", "open_regrade", "other_content", "outdated",
        "own_entry", "questions_closed", "running", "set_under_way", "token_limit", "too_late", "too_many",
        "too_uncertain", "undecided", "upload_ended", "version_refused", "withdrawn", "wrong_offset",
    ),
    413: ("too_large",),
    422: (
        "bad_dates", "bad_email", "bad_id", "bad_key", "bad_mark", "bad_payload", "bad_report", "bad_role",
        "bad_roster", "bad_style", "bad_template", "bad_text", "bundle_problems", "class_needed", "control_character",
        "copied", "empty", "equal_sides", "invalid", "judged", "knob", "label_word", "method", "method_unavailable",
        "near_repeat", "no_choice", "no_level", "no_name", "no_own_sets", "no_reason", "no_such_arm", "no_such_attempt",
        "no_such_challenge", "no_such_label", "no_such_lesson", "no_such_member", "no_such_option",
        "no_such_probability", "no_such_repetition", "no_text", "not_accepted_kind", "not_in_run", "not_together",
        "not_your_choice", "not_your_run", "nothing", "only_training", "other_run", "overlap", "own_run",
        "part_too_small", "preview_needed", "range", "reason_needed", "repeated",
        "roster_faults", "row_shape", "special_token", "tokens_max", "too_few_choices", "too_few_rows", "too_long",
        "too_many", "too_many_examples", "too_many_passages", "too_many_rows", "too_many_steps", "too_many_tokens",
        "unknown_label", "words", "wrong_digest",
    ),
    429: (
        "chat_limit", "chat_open", "enough_reports", "guest_limit", "in_flight", "network_limit", "over_budget",
        "over_quota", "too_many_drafts", "too_many_invitations", "too_many_measurements", "too_many_requests",
        "too_many_runs", "too_many_sets", "too_many_uploads", "training_budget",
    ),
    500: ("internal",),
    503: ("chat_queue_full", "demo_missing", "mail_not_sent", "model_missing", "unavailable", "waited_too_long"),
}  # fmt: skip


def in_words() -> str:
    """Returns the list as a sentence for the OpenAPI document."""
    listed = "; ".join(f"{status}: {', '.join(codes)}" for status, codes in CODES.items())
    return f"By status. {listed}. More may be added."
