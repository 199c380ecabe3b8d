"""Mutants that change one line of a module while it is imported, for tests that run in one process.

`LINES` is the list; a pytest run with `-p tests.faults.mutated_lines` and GRADUS_TEST_MUTANT takes one of it.
"""

from __future__ import annotations

import importlib.machinery
import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import CodeType, ModuleType


@dataclass(frozen=True)
class Line:
    """In `module`, the text `before`, which stands there once, becomes `after`; `test` (a file or a test) must fail."""

    module: str
    before: str
    after: str
    test: str

    def mutated(self, source: str) -> str:
        if source.count(self.before) != 1:
            raise SystemExit(f"This stands {source.count(self.before)} times in {self.module}: {self.before}")
        return source.replace(self.before, self.after)


LINES = {
    "dates_without_a_reason": Line(
        "gradus.classes.dates",
        "required=is_special and not values",
        "required=False and not values",
        "tests/classes/test_dates.py",
    ),
    "roster_takes_labels_without_sync": Line(
        "gradus.classes.roster.comparison",
        "if sync and roster.has_labels:",
        "if roster.has_labels:",
        "tests/classes/roster/test_applying.py",
    ),
    "roster_takes_labels_that_a_platform_does_not_know": Line(
        "gradus.classes.roster.comparison",
        "theirs = has.keys() if roster.labels_are_whole else",
        "theirs = has.keys() if roster.has_labels else",
        "tests/classes/roster/test_applying.py",
    ),
    "roster_keeps_labels_that_a_row_lacks": Line(
        "gradus.classes.roster.comparison",
        "if key in own or key not in theirs",
        "if key in has or key not in theirs",
        "tests/classes/roster/test_applying.py",
    ),
    "extension_that_is_not_kept": Line(
        "gradus.classes.dates",
        "replace(values_of(rule), extended_to=until)",
        "replace(values_of(rule), extended_to=None)",
        "tests/classes/test_dates.py",
    ),
    "extension_moves_no_due_date": Line(
        "gradus.classes.policy",
        "        if now < until:\n",
        "        if now > until:\n",
        "tests/classes/test_dates.py",
    ),
    "points_that_a_person_set_are_never_withheld": Line(
        "gradus.gradebook.services",
        "Kind.VALUE, number, said, seen, withheld=releases.rule_of(held, challenge).withholds_grade())",
        "Kind.VALUE, number, said, seen, withheld=False)",
        "tests/gradebook/test_services.py",
    ),
    "each_refused_call_halves_the_judges_calls": Line(
        "workers.authoring.bench",
        "if number != self._round:",
        "if number > self._round:",
        "tests/workers/authoring/test_bench.py",
    ),
    "an_answer_does_not_renew_the_benchs_patience": Line(
        "workers.authoring.bench",
        "self._postponed, self._answered = 0, self._answered + 1",
        "self._answered += 1",
        "tests/workers/authoring/test_bench.py",
    ),
    "estimates_allow_one_call_an_answer": Line(
        "workers.authoring.estimate",
        "most += longest.times(CALLS_MOST - made)",
        "most += longest.times(1)",
        "tests/workers/authoring/test_estimate.py",
    ),
    "measuring_one_baseline_forgets_the_others": Line(
        "workers.authoring.measured",
        'before if before.get("digest") == bundle.digest and',
        'before if before.get("digest") != bundle.digest and',
        "tests/workers/authoring/test_measured.py",
    ),
    "new_tokens_overwrite_the_row": Line(
        "workers.engine.attention",
        "slots = last[rows, columns]",
        "slots = columns",
        "tests/workers/engine/test_generation.py",
    ),
    "embeddings_have_any_length": Line(
        "workers.engine.embeddings",
        "functional.normalize((hidden",
        "torch.nan_to_num((hidden",
        "tests/workers/engine/test_embeddings.py",
    ),
    "ties_of_labels_are_decided_beside_other_rows": Line(
        "workers.engine.scoring",
        "item.offsets) < base.tie_margin(TIE_MARGIN)",
        "item.offsets) < 0",
        "tests/workers/engine/test_paths.py",
    ),
    "training_goes_on_without_numbers": Line(
        "workers.engine.tuning.training",
        "if not (math.isfinite(total) and torch.isfinite(norm)):",
        "if total is None:",
        "tests/workers/engine/tuning/test_methods.py",
    ),
    "a_link_to_an_adapters_file_is_followed": Line(
        "workers.sandbox.adapter_files",
        "os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK",
        "os.O_RDONLY | os.O_NONBLOCK",
        "tests/workers/sandbox/test_isolation.py",
    ),
    "a_link_to_an_adapters_folder_is_followed": Line(
        "workers.sandbox.adapter_files",
        "os.O_DIRECTORY | os.O_NOFOLLOW",
        "os.O_DIRECTORY",
        "tests/workers/sandbox/test_isolation.py",
    ),
    "a_runner_that_waited_measures_again": Line(
        "workers.sandbox.choosing",
        "return self._choices.find(place) or self._choices.keep(place, measure())",
        "return self._choices.keep(place, measure())",
        "tests/workers/sandbox/test_choosing.py",
    ),
    "judges_reserve_no_money": Line(
        "workers.judge.client",
        "self.store.reserve(reserved.tokens, reserved.micros)",
        "self.store.reserve(reserved.tokens, 0)",
        "tests/workers/judge/test_client.py",
    ),
    "a_silent_judge_is_a_broken_connection": Line(
        "workers.judge.client",
        "except openai.APITimeoutError:",
        "except TimeoutError:",
        "tests/workers/judge/test_faults.py",
    ),
    "a_price_in_no_number_is_unknown": Line(
        "workers.judge.client",
        "self.prices.micros(answer.prompt_tokens, answer.completion_tokens) if answer.counted",
        "self.prices.micros(0, answer.completion_tokens) if answer.counted",
        "tests/workers/judge/test_client.py",
    ),
    "remote_items_share_what_is_kept_of_prompts": Line(
        "workers.remote.job",
        "salt: str = field(default_factory=lambda: uuid4().hex)",
        'salt: str = "salt"',
        "tests/workers/remote/test_engine.py",
    ),
    "remote_answers_keep_to_no_schema": Line(
        "workers.remote.engine",
        '**({"response_format": schema} if item.schema else {}),',
        "",
        "tests/workers/remote/test_engine.py",
    ),
    "an_adapters_rank_is_not_compared": Line(
        "workers.remote.shapes",
        "if own_rank != rank or (known",
        "if (known",
        "tests/workers/remote/test_adapters.py",
    ),
    "hidden_rows_have_no_least_time": Line(
        "workers.grading.hidden_row_timing",
        "max(MIN_SECONDS, FACTOR * per_row * rows)",
        "FACTOR * per_row * rows",
        "tests/workers/grading/test_hidden_row_timing.py",
    ),
    "results_are_held_beyond_the_jobs_limit": Line(
        "workers.grading.hidden_row_timing",
        "* allowed, end)",
        "* allowed, end + 99)",
        "tests/workers/grading/test_hidden_row_timing.py",
    ),
    "short_texts_have_a_language": Line(
        "workers.grading.outcomes",
        "if len(text.strip()) < CHARS_MIN:",
        "if not text.strip():",
        "tests/workers/grading/test_language.py",
    ),
    "rows_of_calibration_are_shown": Line(
        "workers.grading.events",
        'data.get("stage") != ROW_STAGE',
        'data.get("stage") == "hidden"',
        "tests/workers/grading/test_live_rows.py",
    ),
    "renamed_raw_files_are_never_swept": Line(
        "gradus.reconciling.orphan_files",
        r"raw/(\d{1,18})/(\d{1,9})(?:_\w+)?\.json",
        r"raw/(\d{1,18})/(\d{1,9})\.json",
        "tests/reconciling/test_orphan_files.py",
    ),
    "workers_name_models_with_other_weights": Line(
        "workers.status",
        " if n not in worker.other_weights}",
        "}",
        "tests/workers/test_breaker.py",
    ),
    "jobs_do_more_work_than_their_limit": Line(
        "workers.execute", "if self.left <= 0:", "if self.left <= -15:", "tests/workers/test_execute.py"
    ),
    "a_worker_that_ends_warms_its_runner": Line(
        "workers.worker",
        "model is None or self.ending.is_set():",
        "model is None:",
        "tests/workers/test_warming.py",
    ),
    "kept_runs_may_be_read_by_all": Line(
        "workers.authoring.kept", "PRIVATE = 0o600", "PRIVATE = 0o644", "tests/workers/authoring/test_prove.py"
    ),
    "rows_file_of_another_challenge": Line(
        "challenges.reading",
        ' or (inside != "." and not path.startswith(inside + "/"))',
        "",
        "tests/challenges/test_hostile_folders.py",
    ),
    "bundle_follows_symbolic_links": Line(
        "challenges.files.source",
        "if path != base / clean:",
        "if False and path != base / clean:",
        "tests/challenges/test_hostile_folders.py",
    ),
    "yaml_takes_anchors": Line(
        "challenges.files.yaml_lines",
        'if getattr(event, "anchor", None) is not None:',
        "if False:",
        "tests/challenges/files/test_yaml_lines.py",
    ),
    "hidden_rows_show_in_repr": Line(
        "challenges.bundle",
        "hidden: tuple[Sample, ...] = field(default=(), repr=False)",
        "hidden: tuple[Sample, ...] = field(default=())",
        "tests/challenges/test_bundle.py",
    ),
    "comparison_names_rows_by_their_text": Line(
        "challenges.compare",
        "ComparedRow(row.id, row.id, row.input, row.target",
        "ComparedRow(row.id, row.input, row.input, row.target",
        "tests/challenges/test_compare.py",
    ),
    "test_set_repeats_nearly": Line(
        "challenges.kinds.evaluate",
        "alike(sets[later], sets[earlier]) >= NEAR",
        "False",
        "tests/challenges/kinds/test_evaluate.py",
    ),
    "typed_rows_win_over_the_file": Line(
        "gradus.learn.kinds.evaluate",
        "rows=tuple((row.input, row.output) for row in rows) or draft.rows",
        "rows=draft.rows or tuple((row.input, row.output) for row in rows)",
        "tests/kinds/test_evaluate.py",
    ),
    "two_seeds_are_enough_for_a_finding": Line(
        "challenges.lint.claims",
        "SEEDS_MIN, REPETITIONS_MIN = 3, 5",
        "SEEDS_MIN, REPETITIONS_MIN = 2, 5",
        "tests/challenges/lint/test_findings.py",
    ),
    "pilot_mode_ends_one_answer_later": Line(
        "challenges.lint.free_text",
        "for row in subject.bundle.gold) < GATE_ANSWERS",
        "for row in subject.bundle.gold) <= GATE_ANSWERS",
        "tests/challenges/lint/test_lint.py",
    ),
    "benign_answers_are_compared_with_none": Line(
        "challenges.lint.free_text",
        '"benign.jsonl": [row.answer for row in bundle.benign],',
        "",
        "tests/challenges/lint/test_lint.py",
    ),
    "no_weak_baseline_is_no_problem": Line(
        "challenges.lint.spec",
        'subject.spec("no weak baseline shows that passing takes work", fix, "baselines")',
        "del fix",
        "tests/hostile/bundles/test_lint.py",
    ),
    "lessons_that_need_one_another": Line(
        "challenges.lint.lesson",
        "if circle and not told & set(circle):",
        "if False:",
        "tests/hostile/bundles/test_lint.py",
    ),
    "folder_of_another_name_than_its_id": Line(
        "challenges.reading",
        'source.add(file, line, f"the id is `{challenge}`, and the folder is named `{name}`", "name both alike")',
        "pass",
        "tests/hostile/bundles/test_lint.py",
    ),
    "rag_template_with_passages_behind_the_answer": Line(
        "challenges.kinds.rag_prompts",
        'if template.index("{passages}") > template.index("{output}"):',
        "if False:",
        "tests/challenges/kinds/test_rag.py",
    ),
    "half_a_folder_where_the_lesson_cannot_be_written": Line(
        "challenges.scaffold.folders",
        "        shutil.rmtree(folder)\n",
        "        pass\n",
        "tests/challenges/scaffold/test_new.py",
    ),
    "archive_with_a_link": Line(
        "challenges.authoring.archive",
        'what = "is a symbolic link" if kind == stat.S_IFLNK else "is not a plain file"',
        "return",
        "tests/hostile/bundles/test_archives.py",
    ),
    "archive_of_any_size": Line(
        "challenges.authoring.archive",
        "if (total := sum(entry.file_size for entry in kept)) > BYTES_MAX:",
        "if (total := sum(entry.file_size for entry in kept)) < 0:",
        "tests/hostile/bundles/test_archives.py",
    ),
    "alarms_of_a_test_set_cost_nothing": Line(
        "graders.evaluate",
        "alarms = sum(one.system.is_healthy for one in failed)",
        "alarms = 0",
        "tests/graders/test_evaluate.py",
    ),
    "signature_of_a_receipt_is_not_asked": Line(
        "gradus.receipts.signing",
        "    except (InvalidSignature, ValueError) as error:\n        said = gettext(",
        "    except InvalidSignature:\n        return receipt\n"
        "    except ValueError as error:\n        said = gettext(",
        "tests/receipts/test_pages.py",
    ),
    "two_runs_of_dedupe_share_a_report": Line(
        "gradus.cli.rows",
        "next(file for name in names if not os.path.lexists(file := path.parent / name))",
        "path.parent / next(names)",
        "tests/challenges/tables/test_dedupe.py",
    ),
    "the_same_mark_twice": Line(
        "gradus.submissions.results.board_decisions",
        "if Mark.objects.standing().filter(user=user, challenge=challenge, kind=kind).exists():",
        "if False:",
        "tests/leaderboards/test_moderation.py",
    ),
    "a_mark_is_ended_again": Line(
        "gradus.submissions.results.board_decisions",
        "ended = Mark.objects.standing().filter(pk=mark.pk).update(",
        "ended = Mark.objects.filter(pk=mark.pk).update(",
        "tests/leaderboards/test_moderation.py",
    ),
    "anybody_begins_a_season": Line(
        "gradus.submissions.results.board_decisions",
        "    roles.refuse_unless(by, challenge.course_id, roles.DECIDES)\n    name = checked_text(title",
        "    name = checked_text(title",
        "tests/leaderboards/test_moderation.py",
    ),
    "a_board_page_beyond_the_last": Line(
        "gradus.leaderboards.boards",
        "page = min(max(1, page), pages)",
        "page = max(1, page)",
        "tests/leaderboards/test_boards.py",
    ),
    "a_revealed_board_ranks_by_public_scores": Line(
        "gradus.leaderboards.ranking",
        "final if private and final is not None else shown, submission",
        "shown, submission",
        "tests/leaderboards/test_boards.py",
    ),
    "a_revealed_board_of_a_class_ranks_by_public_scores": Line(
        "gradus.leaderboards.ranking",
        "final if private and final is not None else shown, submission",
        "shown if group else final if private and final is not None else shown, submission",
        "tests/leaderboards/test_class_boards.py",
    ),
    "late_attempts_count_on_a_closed_board": Line(
        "gradus.leaderboards.ranking",
        """scores.filter(**{f"{OWNER}created_at__lte": challenge.lesson.course.frozen_at})""",
        "scores",
        "tests/leaderboards/test_shake_up.py",
    ),
    "visitors_read_the_solution": Line(
        "gradus.learn.views.challenge",
        "is_open = preview.is_on() or steps.has_passed(learner(request), challenge)",
        "is_open = preview.is_on() or not learner(request) or steps.has_passed(learner(request), challenge)",
        "tests/learn/result/test_results.py",
    ),
    "no_adapter_is_not_found": Line(
        "gradus.learn.views.submission",
        "if not name or not store.exists(name):",
        "if name and not store.exists(name):",
        "tests/learn/result/test_results.py",
    ),
    "each_look_is_celebrated": Line(
        "gradus.learn.result.moment",
        "session[CELEBRATED] = evaluation.pk",
        "session[CELEBRATED] = 0",
        "tests/learn/result/test_moment.py",
    ),
    "an_answer_without_a_label_is_one": Line(
        "gradus.learn.result.weak_spot",
        "if cell.got == str(OTHER):",
        "if False:",
        "tests/learn/result/test_moment.py",
    ),
    "names_of_numbers_are_numbers": Line(
        "gradus.learn.kinds.fields",
        "if not NUMBER.fullmatch(text.strip()):",
        "if not text.strip():",
        "tests/learn/test_problems.py",
    ),
    "what_is_missing_is_wrong": Line(
        "gradus.learn.kinds.fields",
        "wrong if text.strip() else missing",
        "wrong",
        "tests/learn/test_problems.py",
    ),
    "any_pseudonym": Line(
        "gradus.learn.profile_forms",
        "validators=[names.IS_NAME],",
        "",
        "tests/learn/test_profile.py",
    ),
    "a_run_is_no_place_to_go_on": Line(
        "gradus.learn.path.steps",
        "ran = user.runs.order_by()",
        "ran = user.runs.none()",
        "tests/learn/path/test_home.py",
    ),
    "runs_of_others_in_the_week": Line(
        "gradus.learn.path.home",
        "attempts=Submission.objects.of(user).filter(",
        "attempts=Submission.objects.filter(",
        "tests/learn/path/test_look_back.py",
    ),
    "post_repeated_with_one_key_is_another_attempt": Line(
        "gradus.submissions.services.submit",
        "idempotency_key=key).first()",
        'idempotency_key=f"{key}-").first()',
        "tests/learn/test_submit.py",
    ),
    "starter_rows_that_overwrite_unasked": Line(
        "gradus.learn.kinds.tune.views",
        'if lines and "replace" not in request.POST:',
        'if not lines and "replace" in request.POST:',
        "tests/learn/kinds/test_starter.py",
    ),
    "price_that_is_too_high": Line(
        "gradus.learn.costs.prices",
        "not 0 <= value <= MOST",
        "not 0 <= value",
        "tests/learn/costs/test_page.py",
    ),
    "message_whose_cancelling_is_not_told": Line(
        "gradus.chats.faults",
        'gettext_lazy("You cancelled this message.")',
        'gettext_lazy("It ended.")',
        "tests/learn/test_chat.py",
    ),
    "choice_whose_undo_takes_the_oldest": Line(
        "gradus.preferences.services",
        "newest = PairChoice.objects.of(user, challenge).last()",
        "newest = PairChoice.objects.of(user, challenge).first()",
        "tests/preferences/test_choices.py",
    ),
    "desk_that_begins_again_at_its_top": Line(
        "gradus.reviews.views.question",
        '(f"#answer-{anchor}" if anchor else "")',
        '""',
        "tests/reviews/desk/test_desk.py",
    ),
    "refused_field_without_the_focus": Line(
        "gradus.learn.templatetags.field_problems",
        """'aria-invalid="true" autofocus'""",
        """'aria-invalid="true"'""",
        "tests/learn/test_problems.py",
    ),
    "time_that_is_kept_without_its_setting": Line(
        "gradus.retention",
        "{self.how_long}{setting}",
        "{self.how_long}",
        "tests/docs/test_operations.py",
    ),
    "share_that_is_a_placeholder": Line(
        "gradus.pseudo_locale",
        r"[#0\-+]*\d*",
        r"[#0\-+ ]*\d*",
        "tests/words/test_pseudo_locale.py",
    ),
    "lint_names_another_cure": Line(
        "challenges.files.yaml_mistakes",
        '("the quotation mark that opens here is never closed", "close it")',
        '("the quotation mark that opens here is never closed", "remove it")',
        "tests/hostile/bundles/test_lint.py",
    ),
    "archives_name_another_cure": Line(
        "challenges.authoring.archive",
        '"is damaged in the archive", "pack it again"',
        '"is damaged in the archive", "send it again"',
        "tests/hostile/bundles/test_archives.py",
    ),
    "archives_with_names_that_differ_in_capitals": Line(
        "challenges.authoring.archive",
        "only in capitals or in the form",
        "only in the form",
        "tests/hostile/bundles/test_archives.py",
    ),
    "settings_take_any_share": Line(
        "gradus.environment",
        "number is not None and number > 1:",
        "number is not None and number > 100:",
        "tests/operations/test_environment.py",
    ),
    "settings_repeat_the_password_of_a_database": Line(
        "gradus.environment",
        """        except (ImproperlyConfigured, ValueError):
            raise self._hidden(name, wanted) from None
""",
        """        except (ImproperlyConfigured, ValueError):
            raise self._wrong(name, wanted) from None
""",
        "tests/operations/test_environment.py",
    ),
    "settings_take_a_gpu_that_is_not_seen": Line(
        "gradus.environment",
        "int(number) >= len(seen)",
        "int(number) > len(seen)",
        "tests/operations/test_environment.py",
    ),
    "submit_reads_the_hidden_rows": Line(
        "gradus.submissions.services.submit",
        "    public = challenge.version.samples if challenge.version else ()\n",
        "    from gradus.courses.bundles import load\n\n    public = load(challenge.version).samples\n",
        "tests/security/test_real_times.py::test_who_hands_in_waits_for_nothing_that_is_hidden",
    ),
    "staff_who_teach_a_class_need_no_factor": Line(
        "gradus.accounts.second_factor",
        "(user.is_staff or user.is_superuser or user.has_role)",
        "(user.is_staff or user.is_superuser)",
        "tests/security/test_second_factor.py",
    ),
    "tokens_revoked_by_staff_are_not_noted": Line(
        "gradus.accounts.tokens",
        "if token.revoke() and staff.is_for_another(token.user):",
        "if token.revoke() and not staff.is_for_another(token.user):",
        "tests/security/test_staff_actions.py",
    ),
    "json_of_many_levels_is_parsed": Line(
        "challenges.files.nesting",
        "DEPTH_MAX = 40",
        "DEPTH_MAX = 40_000_000",
        "tests/security/test_large_bodies.py",
    ),
    "a_worker_that_is_gone_counts_as_seen": Line(
        "gradus.operations.doctor.grading",
        "filter(last_seen__gte=timezone.now() - SEEN_WITHIN)",
        "all()",
        "tests/operations/test_doctor.py",
    ),
    "damaged_weights_are_fine": Line(
        "gradus.operations.doctor.grading",
        'state == "ready" and not base_models.digest_holds(name)',
        'state == "ready" and not base_models',
        "tests/operations/test_doctor.py",
    ),
    "a_first_start_forgets_lost_files": Line(
        "gradus.operations.first_start",
        "digest=bundle.digest).exists() and _files_are_here():",
        "digest=bundle.digest).exists():",
        "tests/operations/test_first_start.py",
    ),
    "waits_stay_long_after_a_steady_time": Line(
        "gradus.operations.processes",
        "self.crashes = 1 if now - self._started_at > STEADY_SECONDS else self.crashes + 1",
        "self.crashes = self.crashes + 1",
        "tests/operations/test_processes.py",
    ),
    "costs_are_kept_for_a_quarter": Line(
        "gradus.retention",
        '"measurements of costs", timedelta(days=365)',
        '"measurements of costs", timedelta(days=90)',
        "tests/operations/test_retention.py",
    ),
    "brokers_by_http": Line(
        "gradus.operations.checks",
        '"redis+socket", "sentinel")',
        '"redis+socket", "sentinel", "http")',
        "tests/operations/test_checks.py",
    ),
    "a_networks_attempt_is_not_given_back": Line(
        "gradus.submissions.budgets.limits",
        "    concerns=lambda use: use.network,\n    given_back=True,",
        "    concerns=lambda use: use.network,\n    given_back=False,",
        "tests/submissions/test_slots.py",
    ),
    "a_worker_goes_on_after_a_cancel": Line(
        "gradus.submissions.services.claim",
        "Evaluation.objects.filter(pk=evaluation_id, fence=fence, state=State.RUNNING, cancel_requested=False)",
        "Evaluation.objects.filter(pk=evaluation_id, fence=fence)",
        "tests/submissions/test_cancel.py",
    ),
    "a_bad_row_names_no_line": Line(
        "gradus.submissions.services.payload",
        '"message": limit or in_words(item), "line": line})',
        '"message": limit or in_words(item), "line": None})',
        "tests/submissions/test_submit.py",
    ),
    "the_reconciler_that_ran_first_decides": Line(
        "gradus.submissions.health",
        'ReconcilerStatus.objects.order_by("-last_run").first()',
        'ReconcilerStatus.objects.order_by("last_run").first()',
        "tests/submissions/test_health.py",
    ),
    "a_formula_stays_a_formula": Line(
        "gradus.csv_files",
        """return f"'{text}" if is_formula(text) else text""",
        "return text",
        "tests/submissions/test_exports.py",
    ),
    "a_blind_answer_shows_its_score": Line(
        "gradus.reviews.evidence",
        "predicted=None if blind else review.predicted,",
        "predicted=review.predicted,",
        "tests/reviews/test_blind.py",
    ),
    "a_blind_answer_shows_its_marks": Line(
        "gradus.reviews.evidence",
        "lines = blank(challenge) if blind else marked(",
        "lines = blank(challenge) if False else marked(",
        "tests/reviews/test_blind.py",
    ),
    "an_equal_text_is_withdrawn": Line(
        "gradus.reviews.services.latest",
        "return bool(text_digest) and evaluation.submission.text_digest == text_digest",
        "return False",
        "tests/reviews/test_latest_attempt.py",
    ),
    "the_last_reply_of_a_judge_is_its_reply": Line(
        "gradus.reviews.judge_store",
        'filter(key=key, problem="", reply__isnull=False).order_by("pk")[:1]',
        'filter(key=key, problem="", reply__isnull=False).order_by("-pk")[:1]',
        "tests/reviews/test_judging.py",
    ),
    "locks_that_have_ended_keep_their_slots": Line(
        "gradus.reviews.services.locks",
        "    Review.objects.filter(locked_by=by, locked_until__lte=timezone.now()).update(**FREE)\n    asked =",
        "    asked =",
        "tests/reviews/desk/test_locks.py",
    ),
    "a_regrade_is_approved_twice": Line(
        "gradus.reviews.services.regrades",
        "ended = Regrade.objects.filter(pk=regrade.pk, ended_at=None)",
        "ended = Regrade.objects.filter(pk=regrade.pk)",
        "tests/reviews/test_regrades.py",
    ),
    "what_a_person_has_to_read_is_offered_in_bulk": Line(
        "gradus.reviews.services.bulk",
        "found = [review for review in _with_all(waiting) if _refusal(review, by, known) is None]",
        "found = [*_with_all(waiting)]",
        "tests/reviews/test_bulk.py",
    ),
    "gold_of_both_kinds_is_a_zero": Line(
        "graders.free_text.copies",
        'return "gold-zero" if same and not any(same) else None',
        'return "gold-zero" if same and not all(same) else None',
        "tests/graders/free_text/test_copies.py",
    ),
    "the_digest_leaves_out_the_call_about_denials": Line(
        "graders.free_text.judge.messages",
        "    parts += [denial_instructions(), _DENIAL_TITLES, _POINT_KEYS,",
        "    parts += [_DENIAL_TITLES, _POINT_KEYS,",
        "tests/graders/free_text/test_templates.py",
    ),
    "a_json_row_has_no_fields": Line(
        "graders.measuring",
        "replace(row, fields=scored, valid=output.valid)",
        "replace(row, valid=output.valid)",
        "tests/graders/test_prompt.py",
    ),
    "equal_orders_count_twice": Line(
        "challenges.prompts",
        "return tuple(dict.fromkeys((*examples[start:], *examples[:start]) for start in starts))",
        "return tuple((*examples[start:], *examples[:start]) for start in starts)",
        "tests/graders/test_orders_and_budget.py",
    ),
    "few_learners_are_advice": Line(
        "gradus.challenge_health.advice",
        '    if item.learners < LEARNERS_MIN:\n        return Advice("")\n    if item.discrimination is not None',
        "    if item.discrimination is not None",
        "tests/challenge_health/test_item_analysis.py",
    ),
    "a_missing_standing_is_no_difference": Line(
        "gradus.submissions.results.standings",
        "    for key in sorted(due.keys() | kept.keys()):",
        "    for key in sorted(kept.keys()):",
        "tests/submissions/test_rebuild.py",
    ),
    "whoever_sees_the_page_reads_the_reports": Line(
        "gradus.teach.health",
        "if not (self.scope.includes(roles.EDITS) or self.scope.includes(roles.SEES_ANSWERS)):",
        "if False:",
        "tests/challenge_health/test_pages.py",
    ),
    "of_two_wrong_fields_one_is_told": Line(
        "gradus.reports.services",
        "        problems += refused.problems\n",
        "        problems = problems or refused.problems\n",
        "tests/reports/test_reports.py",
    ),
    "api_takes_tokens_of_inactive_accounts": Line(
        "gradus.api.auth",
        "ApiToken.objects.matching(token).filter(user__is_active=True).first()",
        "ApiToken.objects.matching(token).first()",
        "tests/api/test_problems.py",
    ),
    "api_takes_revoked_tokens": Line(
        "gradus.accounts.models",
        "return self.filter(revoked_at=None, digest=digest_of(secret))",
        "return self.filter(digest=digest_of(secret))",
        "tests/api/test_problems.py",
    ),
    "api_tries_the_session_after_a_wrong_token": Line(
        "gradus.api.auth",
        'raise AuthenticationError(message="This token is unknown or was revoked. Make a new one on your profile.")',
        "return None  # type: ignore[return-value]",
        "tests/api/test_problems.py",
    ),
    "api_takes_another_payload_under_a_key": Line(
        "gradus.submissions.services.submit",
        "if submission is not None and submission.payload_sha256 != payloads.sha256(payload):",
        "if False:",
        "tests/api/test_submissions.py",
    ),
    "api_gives_attempts_without_a_key_one_key": Line(
        "gradus.api.submissions",
        "key = key or secrets.token_urlsafe(24)",
        'key = key or "same"',
        "tests/api/test_submissions.py",
    ),
    "upload_begins_anew_each_time": Line(
        "gradus.courses.uploads",
        "if found is not None and found.bytes == size:",
        "if found is not None and found.bytes == size and found.offset == 0:",
        "tests/api/test_uploads.py",
    ),
    "upload_is_pushed_before_it_is_whole": Line(
        "gradus.courses.uploads",
        "    if upload.offset < upload.bytes:\n        raise _wrong_offset(upload)\n    _claim(upload)",
        "    _claim(upload)",
        "tests/api/test_uploads.py",
    ),
    "upload_without_a_part_is_a_fault": Line(
        "gradus.courses.uploads",
        "except FileNotFoundError:\n                # It has expired",
        "except ZeroDivisionError:\n                # It has expired",
        "tests/api/test_uploads.py",
    ),
    "upload_goes_after_any_refusal": Line(
        "gradus.courses.uploads",
        "except (BundleErrors, VersionRefused):\n        # Only another",
        "except (BundleErrors, VersionRefused, Refused):\n        # Only another",
        "tests/api/test_uploads.py",
    ),
    "upload_that_is_whole_makes_no_room": Line(
        "gradus.courses.uploads",
        "if one.offset == one.bytes or one.expires_at",
        "if one.expires_at",
        "tests/api/test_uploads.py",
    ),
    "cli_calls_gold_passed": Line(
        "gradus.cli.output",
        'told = "gold" if item.get("gold") else item["verdict"].replace("_", " ")',
        'told = item["verdict"].replace("_", " ")',
        "tests/cli/test_learners.py",
    ),
    "headline_of_the_best_machine": Line(
        "benchmarks.figures.headline",
        "row, machine = min(found,",
        "row, machine = max(found,",
        "tests/benchmarks/test_headline.py",
    ),
    "headline_of_the_slowest_peer": Line(
        "benchmarks.figures.headline",
        "row.ratio < _ratio(found[work])",
        "row.ratio > _ratio(found[work])",
        "tests/benchmarks/test_headline.py",
    ),
    "results_leave_out_runs_under_faults": Line(
        "benchmarks.results",
        'if "kills" in found]',
        'if "killed" in found]',
        "tests/benchmarks/test_measurement.py",
    ),
    "results_say_nothing_of_failed_peers": Line(
        "benchmarks.results",
        "        if row.problem\n",
        "        if not row.problem\n",
        "tests/benchmarks/test_measurement.py",
    ),
    "footprint_of_the_least_sample": Line(
        "benchmarks.footprint",
        "return max(samples, key=lambda sample: sample.total)",
        "return min(samples, key=lambda sample: sample.total)",
        "tests/benchmarks/test_footprint.py",
    ),
    "unseen_attacks_are_the_known_ones": Line(
        "benchmarks.attacks.rows",
        'for row in _rows("unseen.jsonl")]',
        'for row in _rows("open.jsonl")]',
        "tests/benchmarks/test_unseen_rows.py",
    ),
}


class MutatingLoader(importlib.machinery.SourceFileLoader):
    """Loads a module with its mutant's line, and neither reads nor writes compiled files."""

    def __init__(self, line: Line, path: str) -> None:
        super().__init__(line.module, path)
        self.line = line

    def get_code(self, fullname: str) -> CodeType:
        source = self.line.mutated(Path(self.path).read_text(encoding="utf-8"))
        return compile(source, self.path, "exec")


class MutatingFinder:
    """Finds the one module that is to be mutated, wherever the other finders find it."""

    def __init__(self, line: Line) -> None:
        self.line = line

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        if name != self.line.module:
            return None
        spec = importlib.machinery.PathFinder.find_spec(name, path, target)
        if spec is not None and spec.origin:
            spec.loader = MutatingLoader(self.line, spec.origin)
        return spec


if line := LINES.get(os.environ.get("GRADUS_TEST_MUTANT", "")):
    sys.meta_path.insert(0, MutatingFinder(line))
