CREATE TABLE "django_migrations" ("id" integer NOT NULL PRIMARY KEY AUTOINCREMENT, "app" varchar(255) NOT NULL, "name" varchar(255) NOT NULL, "applied" datetime NOT NULL);
CREATE TABLE "django_content_type" ("id" integer NOT NULL PRIMARY KEY AUTOINCREMENT, "app_label" varchar(100) NOT NULL, "model" varchar(100) NOT NULL);
CREATE UNIQUE INDEX "django_content_type_app_label_model_76bd3d3b_uniq" ON "django_content_type" ("app_label", "model");
CREATE TABLE "auth_group_permissions" ("id" integer NOT NULL PRIMARY KEY AUTOINCREMENT, "group_id" integer NOT NULL REFERENCES "auth_group" ("id") DEFERRABLE INITIALLY DEFERRED, "permission_id" integer NOT NULL REFERENCES "auth_permission" ("id") DEFERRABLE INITIALLY DEFERRED);
CREATE UNIQUE INDEX "auth_group_permissions_group_id_permission_id_0cd325b0_uniq" ON "auth_group_permissions" ("group_id", "permission_id");
CREATE INDEX "auth_group_permissions_group_id_b120cbf9" ON "auth_group_permissions" ("group_id");
CREATE INDEX "auth_group_permissions_permission_id_84c5c92e" ON "auth_group_permissions" ("permission_id");
CREATE TABLE "auth_permission" ("id" integer NOT NULL PRIMARY KEY AUTOINCREMENT, "content_type_id" integer NOT NULL REFERENCES "django_content_type" ("id") DEFERRABLE INITIALLY DEFERRED, "codename" varchar(100) NOT NULL, "name" varchar(255) NOT NULL);
CREATE UNIQUE INDEX "auth_permission_content_type_id_codename_01ab375a_uniq" ON "auth_permission" ("content_type_id", "codename");
CREATE INDEX "auth_permission_content_type_id_2f476e4b" ON "auth_permission" ("content_type_id");
CREATE TABLE "auth_group" ("id" integer NOT NULL PRIMARY KEY AUTOINCREMENT, "name" varchar(150) NOT NULL UNIQUE);
CREATE TABLE "accounts_staffaction" ("id" integer NOT NULL PRIMARY KEY AUTOINCREMENT, "at" datetime DEFAULT (STRFTIME('%Y-%m-%d %H:%M:%f', 'NOW')) NOT NULL, "user_id" bigint NULL, "who" varchar(200) NOT NULL, "via" varchar(5) NOT NULL, "what" varchar(20) NOT NULL, "about" varchar(200) NOT NULL, "details" text NOT NULL CHECK ((JSON_VALID("details") OR "details" IS NULL)), "request" varchar(40) NOT NULL);
CREATE TABLE "accounts_user_groups" ("id" integer NOT NULL PRIMARY KEY AUTOINCREMENT, "user_id" bigint NOT NULL REFERENCES "accounts_user" ("id") DEFERRABLE INITIALLY DEFERRED, "group_id" integer NOT NULL REFERENCES "auth_group" ("id") DEFERRABLE INITIALLY DEFERRED);
CREATE TABLE "accounts_user_user_permissions" ("id" integer NOT NULL PRIMARY KEY AUTOINCREMENT, "user_id" bigint NOT NULL REFERENCES "accounts_user" ("id") DEFERRABLE INITIALLY DEFERRED, "permission_id" integer NOT NULL REFERENCES "auth_permission" ("id") DEFERRABLE INITIALLY DEFERRED);
CREATE TABLE "accounts_exemptnetwork" ("id" integer NOT NULL PRIMARY KEY AUTOINCREMENT, "network" varchar(43) NOT NULL UNIQUE, "until" datetime NOT NULL, "note" varchar(200) NOT NULL, "added_by_id" bigint NULL REFERENCES "accounts_user" ("id") DEFERRABLE INITIALLY DEFERRED);
CREATE INDEX "accounts_staffaction_user_id_b35ed296" ON "accounts_staffaction" ("user_id");
CREATE UNIQUE INDEX "accounts_user_groups_user_id_group_id_59c0b32f_uniq" ON "accounts_user_groups" ("user_id", "group_id");
CREATE INDEX "accounts_user_groups_user_id_52b62117" ON "accounts_user_groups" ("user_id");
CREATE INDEX "accounts_user_groups_group_id_bd11a704" ON "accounts_user_groups" ("group_id");
CREATE UNIQUE INDEX "accounts_user_user_permissions_user_id_permission_id_2ab516c2_uniq" ON "accounts_user_user_permissions" ("user_id", "permission_id");
CREATE INDEX "accounts_user_user_permissions_user_id_e4f0a161" ON "accounts_user_user_permissions" ("user_id");
CREATE INDEX "accounts_user_user_permissions_permission_id_113bb443" ON "accounts_user_user_permissions" ("permission_id");
CREATE INDEX "accounts_exemptnetwork_added_by_id_6e9fa6e3" ON "accounts_exemptnetwork" ("added_by_id");
CREATE TRIGGER accounts_staffaction_no_delete BEFORE DELETE ON accounts_staffaction
BEGIN SELECT RAISE(ABORT, 'what staff did is never changed or removed'); END;
CREATE TABLE "account_emailconfirmation" ("id" integer NOT NULL PRIMARY KEY AUTOINCREMENT, "created" datetime NOT NULL, "sent" datetime NULL, "key" varchar(64) NOT NULL UNIQUE, "email_address_id" integer NOT NULL REFERENCES "account_emailaddress" ("id") DEFERRABLE INITIALLY DEFERRED);
CREATE INDEX "account_emailconfirmation_email_address_id_5b7f8c58" ON "account_emailconfirmation" ("email_address_id");
CREATE TABLE "account_emailaddress" ("id" integer NOT NULL PRIMARY KEY AUTOINCREMENT, "verified" bool NOT NULL, "primary" bool NOT NULL, "user_id" bigint NOT NULL REFERENCES "accounts_user" ("id") DEFERRABLE INITIALLY DEFERRED, "email" varchar(254) NOT NULL);
CREATE UNIQUE INDEX "account_emailaddress_user_id_email_987c8728_uniq" ON "account_emailaddress" ("user_id", "email");
CREATE UNIQUE INDEX "unique_verified_email" ON "account_emailaddress" ("email") WHERE "verified";
CREATE INDEX "account_emailaddress_user_id_2c513194" ON "account_emailaddress" ("user_id");
CREATE INDEX "account_emailaddress_email_03be32b2" ON "account_emailaddress" ("email");
CREATE UNIQUE INDEX "unique_primary_email" ON "account_emailaddress" ("user_id", "primary") WHERE "primary";
CREATE TABLE "courses_challenge" ("id" integer NOT NULL PRIMARY KEY AUTOINCREMENT, "slug" varchar(129) NOT NULL UNIQUE, "position" smallint unsigned NOT NULL CHECK ("position" >= 0), "is_current" bool NOT NULL, "version_id" bigint NULL REFERENCES "courses_challengeversion" ("id") DEFERRABLE INITIALLY DEFERRED, "lesson_id" bigint NOT NULL REFERENCES "courses_lesson" ("id") DEFERRABLE INITIALLY DEFERRED, "course_id" bigint NOT NULL REFERENCES "courses_course" ("id") DEFERRABLE INITIALLY DEFERRED, "name" varchar(64) NOT NULL, "board_version_id" bigint NULL REFERENCES "courses_challengeversion" ("id") DEFERRABLE INITIALLY DEFERRED, CONSTRAINT "one_challenge_by_name" UNIQUE ("course_id", "name"));
CREATE INDEX "courses_challenge_version_id_b6674016" ON "courses_challenge" ("version_id");
CREATE INDEX "courses_challenge_lesson_id_aed35dba" ON "courses_challenge" ("lesson_id");
CREATE INDEX "courses_challenge_course_id_e7fb36d0" ON "courses_challenge" ("course_id");
CREATE TABLE "courses_lesson" ("id" integer NOT NULL PRIMARY KEY AUTOINCREMENT, "slug" varchar(129) NOT NULL UNIQUE, "position" smallint unsigned NOT NULL CHECK ("position" >= 0), "title" varchar(200) NOT NULL, "summary" text NOT NULL, "minutes" smallint unsigned NOT NULL CHECK ("minutes" >= 0), "text" text NOT NULL, "spec" text NOT NULL CHECK ((JSON_VALID("spec") OR "spec" IS NULL)), "measured" text NOT NULL CHECK ((JSON_VALID("measured") OR "measured" IS NULL)), "findings" text NOT NULL CHECK ((JSON_VALID("findings") OR "findings" IS NULL)), "arms" text NOT NULL CHECK ((JSON_VALID("arms") OR "arms" IS NULL)), "records" text NOT NULL CHECK ((JSON_VALID("records") OR "records" IS NULL)), "contents" text NOT NULL CHECK ((JSON_VALID("contents") OR "contents" IS NULL)), "digest" varchar(64) NOT NULL, "is_current" bool NOT NULL, "course_id" bigint NOT NULL REFERENCES "courses_course" ("id") DEFERRABLE INITIALLY DEFERRED, "name" varchar(64) NOT NULL, CONSTRAINT "one_lesson_by_name" UNIQUE ("course_id", "name"));
CREATE INDEX "courses_lesson_course_id_16bc4882" ON "courses_lesson" ("course_id");
CREATE TRIGGER courses_lesson_stays BEFORE UPDATE OF course_id ON courses_lesson WHEN OLD.course_id <> NEW.course_id
BEGIN SELECT RAISE(ABORT, 'a lesson or challenge stays in its course'); END;
CREATE TRIGGER courses_challenge_stays BEFORE UPDATE OF course_id, lesson_id ON courses_challenge
WHEN OLD.course_id <> NEW.course_id OR NEW.course_id <> (SELECT course_id FROM courses_lesson WHERE id = NEW.lesson_id)
BEGIN SELECT RAISE(ABORT, 'a lesson or challenge stays in its course'); END;
CREATE TRIGGER courses_challenge_begins BEFORE INSERT ON courses_challenge WHEN NEW.course_id <> (SELECT course_id FROM courses_lesson WHERE id = NEW.lesson_id)
BEGIN SELECT RAISE(ABORT, 'a lesson or challenge stays in its course'); END;
CREATE TABLE "courses_baselineoutcome" ("id" integer NOT NULL PRIMARY KEY AUTOINCREMENT, "key" varchar(64) NOT NULL UNIQUE, "score" real NOT NULL, "cost" text NOT NULL CHECK ((JSON_VALID("cost") OR "cost" IS NULL)), "training" text NOT NULL CHECK ((JSON_VALID("training") OR "training" IS NULL)), "seconds" integer unsigned NOT NULL CHECK ("seconds" >= 0), "recorded_at" datetime NOT NULL);
CREATE TABLE "courses_calibration" ("id" integer NOT NULL PRIMARY KEY AUTOINCREMENT, "model" varchar(120) NOT NULL, "template" varchar(64) NOT NULL, "passed" bool NOT NULL, "report" text NOT NULL CHECK ((JSON_VALID("report") OR "report" IS NULL)), "imported_at" datetime NOT NULL, "version_id" bigint NOT NULL REFERENCES "courses_challengeversion" ("id") DEFERRABLE INITIALLY DEFERRED, "rules" smallint unsigned DEFAULT 1 NOT NULL CHECK ("rules" >= 0), CONSTRAINT "one_calibration_of_a_judge" UNIQUE ("version_id", "model", "template"), CONSTRAINT "the_verifier_passes_nothing" CHECK ((NOT ("model" = '') OR NOT "passed")), CONSTRAINT "earlier_rules_pass_nothing" CHECK ((NOT "passed" OR "rules" >= 2)));
CREATE INDEX "courses_calibration_version_id_c8f33c59" ON "courses_calibration" ("version_id");
CREATE TABLE "accounts_limitcount" ("cache_key" varchar(255) NOT NULL PRIMARY KEY, "value" text NOT NULL, "expires" datetime NOT NULL);
CREATE INDEX "accounts_limitcount_expires_fa1a3ac0" ON "accounts_limitcount" ("expires");
CREATE TABLE "accounts_apitoken" ("id" integer NOT NULL PRIMARY KEY AUTOINCREMENT, "name" varchar(80) NOT NULL, "digest" varchar(64) NOT NULL UNIQUE, "prefix" varchar(12) NOT NULL, "created_at" datetime NOT NULL, "expires_at" datetime NOT NULL, "last_used_at" datetime NULL, "revoked_at" datetime NULL, "content" varchar(9) NOT NULL, "learner_data" varchar(6) NOT NULL, "user_id" bigint NOT NULL REFERENCES "accounts_user" ("id") DEFERRABLE INITIALLY DEFERRED, CONSTRAINT "token_learner_data_is_a_level" CHECK ("learner_data" IN ('none', 'viewer', 'editor')), CONSTRAINT "token_ends_after_it_was_made" CHECK ("expires_at" > ("created_at")), CONSTRAINT "token_content_is_a_level" CHECK ("content" IN ('none', 'previewer', 'viewer', 'editor', 'owner')));
CREATE INDEX "accounts_apitoken_user_id_bbee13e0" ON "accounts_apitoken" ("user_id");
CREATE TABLE "accounts_user" ("id" integer NOT NULL PRIMARY KEY AUTOINCREMENT, "password" varchar(128) NOT NULL, "last_login" datetime NULL, "is_superuser" bool NOT NULL, "username" varchar(150) NOT NULL UNIQUE, "first_name" varchar(150) NOT NULL, "last_name" varchar(150) NOT NULL, "email" varchar(254) NOT NULL, "is_staff" bool NOT NULL, "is_active" bool NOT NULL, "date_joined" datetime NOT NULL, "is_guest" bool NOT NULL, "pseudonym" varchar(40) NOT NULL UNIQUE, "last_visit" datetime NULL, "may_create_courses" bool DEFAULT 0 NOT NULL, "deletion_due_at" datetime NULL, "deleted_at" datetime NULL, "merged_into_id" bigint NULL REFERENCES "accounts_user" ("id") DEFERRABLE INITIALLY DEFERRED, "lost_email" varchar(254) NULL, "second_factor_due_at" datetime NULL, CONSTRAINT "guest_has_no_staff_rights" CHECK ((NOT "is_guest" OR (NOT "is_staff" AND NOT "is_superuser"))), CONSTRAINT "guest_has_no_email" CHECK ((NOT "is_guest" OR "email" = '')), CONSTRAINT "guest_creates_no_courses" CHECK ((NOT "is_guest" OR NOT "may_create_courses")));
CREATE INDEX "guests_by_visit" ON "accounts_user" ("last_visit") WHERE "is_guest";
CREATE TABLE "accounts_enrolment" ("id" integer NOT NULL PRIMARY KEY AUTOINCREMENT, "created_at" datetime NOT NULL, "course_id" bigint NOT NULL REFERENCES "courses_course" ("id") DEFERRABLE INITIALLY DEFERRED, "user_id" bigint NOT NULL REFERENCES "accounts_user" ("id") DEFERRABLE INITIALLY DEFERRED, "content" varchar(9) NOT NULL, "learner_data" varchar(6) NOT NULL, CONSTRAINT "one_role_in_a_course" UNIQUE ("user_id", "course_id"), CONSTRAINT "role_content_is_a_level" CHECK ("content" IN ('none', 'previewer', 'viewer', 'editor', 'owner')), CONSTRAINT "role_learner_data_is_a_level" CHECK ("learner_data" IN ('none', 'viewer', 'editor')));
CREATE INDEX "accounts_enrolment_course_id_b6c0ccb5" ON "accounts_enrolment" ("course_id");
CREATE INDEX "accounts_enrolment_user_id_be0d25f1" ON "accounts_enrolment" ("user_id");
CREATE INDEX "people_without_rank" ON "accounts_enrolment" ("course_id", "user_id") WHERE "content" IN ('editor', 'owner');
CREATE INDEX "deletions_by_time" ON "accounts_user" ("deletion_due_at") WHERE "deletion_due_at" IS NOT NULL;
CREATE TRIGGER accounts_staffaction_no_update BEFORE UPDATE ON accounts_staffaction WHEN COALESCE(CAST(NEW.id AS TEXT), '') <> COALESCE(CAST(OLD.id AS TEXT), '') OR COALESCE(CAST(NEW.at AS TEXT), '') <> COALESCE(CAST(OLD.at AS TEXT), '') OR COALESCE(CAST(NEW.user_id AS TEXT), '') <> COALESCE(CAST(OLD.user_id AS TEXT), '') OR COALESCE(CAST(NEW.via AS TEXT), '') <> COALESCE(CAST(OLD.via AS TEXT), '') OR COALESCE(CAST(NEW.what AS TEXT), '') <> COALESCE(CAST(OLD.what AS TEXT), '') OR COALESCE(CAST(NEW.request AS TEXT), '') <> COALESCE(CAST(OLD.request AS TEXT), '') OR NOT EXISTS (SELECT 1 FROM accounts_user
    WHERE deleted_at IS NOT NULL AND deletion_due_at IS NOT NULL)
BEGIN SELECT RAISE(ABORT, 'what staff did is never changed or removed'); END;
CREATE TRIGGER accounts_deleted_stays_so BEFORE UPDATE ON accounts_user WHEN OLD.deleted_at IS NOT NULL AND (NEW.deleted_at IS NULL OR NEW.is_active OR NEW.is_staff OR NEW.is_superuser)
BEGIN SELECT RAISE(ABORT, 'a deleted account is never opened again'); END;
CREATE TRIGGER accounts_deleted_was_asked_for BEFORE UPDATE OF deleted_at, deletion_due_at ON accounts_user WHEN NEW.deletion_due_at IS NULL AND OLD.deletion_due_at IS NOT NULL AND NEW.deleted_at IS NOT NULL
    AND (NEW.email <> '' OR NEW.first_name <> '' OR NEW.last_name <> '')
    OR OLD.deleted_at IS NULL AND NEW.deleted_at IS NOT NULL AND NEW.deletion_due_at IS NULL
BEGIN SELECT RAISE(ABORT, 'a deletion ends when nothing names the person'); END;
CREATE TABLE "accounts_merge" ("id" integer NOT NULL PRIMARY KEY AUTOINCREMENT, "proposed_at" datetime NOT NULL, "reason" varchar(500) NOT NULL, "kept_agreed_at" datetime NULL, "gone_agreed_at" datetime NULL, "merged_at" datetime NULL, "moved" text NOT NULL CHECK ((JSON_VALID("moved") OR "moved" IS NULL)), "ended_at" datetime NULL, "ended_by_id" bigint NULL REFERENCES "accounts_user" ("id") DEFERRABLE INITIALLY DEFERRED, "gone_id" bigint NOT NULL REFERENCES "accounts_user" ("id") DEFERRABLE INITIALLY DEFERRED, "kept_id" bigint NOT NULL REFERENCES "accounts_user" ("id") DEFERRABLE INITIALLY DEFERRED, "proposed_by_id" bigint NULL REFERENCES "accounts_user" ("id") DEFERRABLE INITIALLY DEFERRED, CONSTRAINT "two_accounts_are_merged" CHECK (NOT ("kept_id" = ("gone_id"))), CONSTRAINT "merged_with_both_consents" CHECK (("merged_at" IS NULL OR ("ended_at" IS NULL AND "gone_agreed_at" IS NOT NULL AND "kept_agreed_at" IS NOT NULL))));
CREATE TRIGGER accounts_merged_by_consent BEFORE UPDATE OF merged_into_id ON accounts_user WHEN COALESCE(OLD.merged_into_id, 0) <> COALESCE(NEW.merged_into_id, 0) AND (OLD.merged_into_id IS NOT NULL
    OR NOT EXISTS (SELECT 1 FROM accounts_merge WHERE gone_id = NEW.id AND kept_id = NEW.merged_into_id
    AND merged_at IS NOT NULL))
BEGIN SELECT RAISE(ABORT, 'accounts are merged with both consents, and once'); END;
CREATE TRIGGER accounts_merged_stays_closed BEFORE UPDATE OF is_active, merged_into_id ON accounts_user WHEN NEW.merged_into_id IS NOT NULL AND (NEW.is_active OR NEW.is_staff OR NEW.is_superuser)
BEGIN SELECT RAISE(ABORT, 'a merged account is never opened again'); END;
CREATE TRIGGER accounts_merge_stays BEFORE UPDATE OF kept_id, gone_id, kept_agreed_at, gone_agreed_at, merged_at, ended_at ON accounts_merge WHEN OLD.merged_at IS NOT NULL OR OLD.ended_at IS NOT NULL AND NEW.ended_at IS NULL
    OR OLD.kept_id <> NEW.kept_id OR OLD.gone_id <> NEW.gone_id
BEGIN SELECT RAISE(ABORT, 'a merge of accounts stays as it ended'); END;
CREATE INDEX "accounts_user_merged_into_id_6b7da1e6" ON "accounts_user" ("merged_into_id");
CREATE UNIQUE INDEX "one_open_merge_into" ON "accounts_merge" ("kept_id") WHERE ("ended_at" IS NULL AND "merged_at" IS NULL);
CREATE UNIQUE INDEX "one_open_merge_of" ON "accounts_merge" ("gone_id") WHERE ("ended_at" IS NULL AND "merged_at" IS NULL);
CREATE INDEX "accounts_merge_ended_by_id_0ede521f" ON "accounts_merge" ("ended_by_id");
CREATE INDEX "accounts_merge_gone_id_54aa2ed8" ON "accounts_merge" ("gone_id");
CREATE INDEX "accounts_merge_kept_id_d8354f41" ON "accounts_merge" ("kept_id");
CREATE INDEX "accounts_merge_proposed_by_id_08cb8b87" ON "accounts_merge" ("proposed_by_id");
CREATE INDEX "lost_addresses" ON "accounts_user" ("lost_email") WHERE "lost_email" IS NOT NULL;
CREATE TABLE "django_admin_log" ("id" integer NOT NULL PRIMARY KEY AUTOINCREMENT, "object_id" text NULL, "object_repr" varchar(200) NOT NULL, "action_flag" smallint unsigned NOT NULL CHECK ("action_flag" >= 0), "change_message" text NOT NULL, "content_type_id" integer NULL REFERENCES "django_content_type" ("id") DEFERRABLE INITIALLY DEFERRED, "user_id" bigint NOT NULL REFERENCES "accounts_user" ("id") DEFERRABLE INITIALLY DEFERRED, "action_time" datetime NOT NULL);
CREATE INDEX "django_admin_log_content_type_id_c4bce8eb" ON "django_admin_log" ("content_type_id");
CREATE INDEX "django_admin_log_user_id_c564eba6" ON "django_admin_log" ("user_id");
CREATE TABLE "submissions_reconcilerstatus" ("id" integer NOT NULL PRIMARY KEY AUTOINCREMENT, "name" varchar(120) NOT NULL UNIQUE, "last_run" datetime DEFAULT (STRFTIME('%Y-%m-%d %H:%M:%f', 'NOW')) NOT NULL, "done" text NOT NULL CHECK ((JSON_VALID("done") OR "done" IS NULL)), "broken" text NOT NULL CHECK ((JSON_VALID("broken") OR "broken" IS NULL)));
CREATE TABLE "submissions_refund" ("id" integer NOT NULL PRIMARY KEY AUTOINCREMENT, "reason" varchar(40) NOT NULL, "created_at" datetime NOT NULL, "submission_id" bigint NOT NULL UNIQUE REFERENCES "submissions_submission" ("id") DEFERRABLE INITIALLY DEFERRED);
CREATE TABLE "submissions_event" ("id" integer NOT NULL PRIMARY KEY AUTOINCREMENT, "seq" integer unsigned NOT NULL CHECK ("seq" >= 0), "type" varchar(20) NOT NULL, "data" text NOT NULL CHECK ((JSON_VALID("data") OR "data" IS NULL)), "created_at" datetime DEFAULT (STRFTIME('%Y-%m-%d %H:%M:%f', 'NOW')) NOT NULL, "evaluation_id" bigint NOT NULL REFERENCES "submissions_evaluation" ("id") DEFERRABLE INITIALLY DEFERRED, CONSTRAINT "events_are_numbered" UNIQUE ("evaluation_id", "seq"));
CREATE TABLE "submissions_hintstaken" ("id" integer NOT NULL PRIMARY KEY AUTOINCREMENT, "count" smallint unsigned NOT NULL CHECK ("count" >= 0), "challenge_id" bigint NOT NULL REFERENCES "courses_challenge" ("id") DEFERRABLE INITIALLY DEFERRED, "user_id" bigint NOT NULL REFERENCES "accounts_user" ("id") DEFERRABLE INITIALLY DEFERRED, CONSTRAINT "one_count_of_hints" UNIQUE ("user_id", "challenge_id"), CONSTRAINT "three_hints" CHECK ("count" <= 3));
CREATE INDEX "submissions_event_evaluation_id_1701fd82" ON "submissions_event" ("evaluation_id");
CREATE INDEX "submissions_hintstaken_challenge_id_fb76b943" ON "submissions_hintstaken" ("challenge_id");
CREATE INDEX "submissions_hintstaken_user_id_8724d630" ON "submissions_hintstaken" ("user_id");
CREATE TABLE "submissions_evaluation" ("id" integer NOT NULL PRIMARY KEY AUTOINCREMENT, "number" smallint unsigned NOT NULL CHECK ("number" >= 0), "is_current" bool NOT NULL, "state" varchar(10) NOT NULL, "lane" varchar(12) NOT NULL, "fair_share_rank" integer unsigned NOT NULL CHECK ("fair_share_rank" >= 0), "available_at" datetime DEFAULT (STRFTIME('%Y-%m-%d %H:%M:%f', 'NOW')) NOT NULL, "attempt" smallint unsigned NOT NULL CHECK ("attempt" >= 0), "max_attempts" smallint unsigned NOT NULL CHECK ("max_attempts" >= 0), "fence" integer unsigned NOT NULL CHECK ("fence" >= 0), "lease_until" datetime NULL, "cancel_requested" bool NOT NULL, "postponed_since" datetime NULL, "error_code" varchar(40) NOT NULL, "grader" varchar(20) NOT NULL, "shadow" bool NOT NULL, "proposal" text NULL CHECK ((JSON_VALID("proposal") OR "proposal" IS NULL)), "grader_version" varchar(40) NOT NULL, "engine_profile" varchar(80) NOT NULL, "worker" varchar(120) NOT NULL, "result" text NULL CHECK ((JSON_VALID("result") OR "result" IS NULL)), "raw" varchar(200) NOT NULL, "artifact" varchar(200) NOT NULL, "overlap" integer unsigned DEFAULT 0 NOT NULL CHECK ("overlap" >= 0), "created_at" datetime DEFAULT (STRFTIME('%Y-%m-%d %H:%M:%f', 'NOW')) NOT NULL, "started_at" datetime NULL, "finished_at" datetime NULL, "graded_version_id" bigint NULL REFERENCES "courses_challengeversion" ("id") DEFERRABLE INITIALLY DEFERRED, "run_id" bigint NULL REFERENCES "submissions_run" ("id") DEFERRABLE INITIALLY DEFERRED, "submission_id" bigint NULL REFERENCES "submissions_submission" ("id") DEFERRABLE INITIALLY DEFERRED, engine_choice varchar(12) DEFAULT '' NOT NULL, "trained" text NULL CHECK ((JSON_VALID("trained") OR "trained" IS NULL)), CONSTRAINT "state_is_known" CHECK ("state" IN ('queued', 'running', 'scored', 'rejected', 'failed', 'review', 'cancelled')), CONSTRAINT "of_a_submission_or_a_run" CHECK ((("run_id" IS NULL AND "submission_id" IS NOT NULL) OR ("run_id" IS NOT NULL AND "submission_id" IS NULL))), CONSTRAINT "running_has_a_lease" CHECK ((("lease_until" IS NOT NULL AND "state" = 'running') OR (NOT ("state" = 'running') AND "lease_until" IS NULL))), CONSTRAINT "attempts_are_bounded" CHECK ("attempt" <= ("max_attempts")), CONSTRAINT "evaluations_are_numbered" UNIQUE ("submission_id", "number"), CONSTRAINT "runs_are_numbered" UNIQUE ("run_id", "number"), CONSTRAINT "what_is_held_is_not_current" CHECK (("proposal" IS NULL OR NOT "is_current")), CONSTRAINT "a_run_meets_no_hidden_row" CHECK (("submission_id" IS NOT NULL OR "overlap" = 0)));
CREATE UNIQUE INDEX "one_current" ON "submissions_evaluation" ("submission_id") WHERE "is_current";
CREATE UNIQUE INDEX "one_open" ON "submissions_evaluation" ("submission_id") WHERE "state" IN ('queued', 'running');
CREATE INDEX "submissions_evaluation_graded_version_id_338867b1" ON "submissions_evaluation" ("graded_version_id");
CREATE INDEX "submissions_evaluation_run_id_3cfbbd00" ON "submissions_evaluation" ("run_id");
CREATE INDEX "submissions_evaluation_submission_id_2f905726" ON "submissions_evaluation" ("submission_id");
CREATE INDEX "queue" ON "submissions_evaluation" ("lane", "fair_share_rank", "id") WHERE "state" = 'queued';
CREATE INDEX "leases" ON "submissions_evaluation" ("lease_until") WHERE "state" = 'running';
CREATE INDEX "ended_lately" ON "submissions_evaluation" ("lane", "finished_at") WHERE "finished_at" IS NOT NULL;
CREATE INDEX "still_open" ON "submissions_evaluation" ("created_at") WHERE "state" IN ('queued', 'running');
CREATE TABLE "submissions_score" ("evaluation_id" bigint NOT NULL PRIMARY KEY REFERENCES "submissions_evaluation" ("id") DEFERRABLE INITIALLY DEFERRED, "value" real NOT NULL, "shown" real NOT NULL, "private_value" real NULL, "passed" bool NOT NULL, "gold" bool NOT NULL, "provisional" bool NOT NULL, "verified_by" varchar(8) NULL, "before" real NULL, "judge" varchar(200) NOT NULL, "created_at" datetime NOT NULL, "calibration_id" bigint NULL REFERENCES "courses_calibration" ("id") DEFERRABLE INITIALLY DEFERRED, "person_id" bigint NULL REFERENCES "accounts_user" ("id") DEFERRABLE INITIALLY DEFERRED, CONSTRAINT "score_in_unit" CHECK (("value" >= 0.0 AND "value" <= 1.0)), CONSTRAINT "shown_in_unit" CHECK (("shown" >= 0.0 AND "shown" <= 1.0)), CONSTRAINT "private_in_unit" CHECK (("private_value" IS NULL OR ("private_value" >= 0.0 AND "private_value" <= 1.0))), CONSTRAINT "provisional_is_unverified" CHECK (((NOT "gold" AND "provisional" AND "verified_by" IS NULL) OR (NOT "provisional" AND "verified_by" IS NOT NULL))), CONSTRAINT "lowering_needs_a_person" CHECK (("before" IS NULL OR "shown" >= ("before") OR "person_id" IS NOT NULL)), CONSTRAINT "a_final_score_stays_final" CHECK (("before" IS NULL OR NOT "provisional")), CONSTRAINT "a_persons_score_names_the_person" CHECK ((NOT ("verified_by" = 'person' AND "verified_by" IS NOT NULL) OR "verified_by" IS NULL OR "person_id" IS NOT NULL)), CONSTRAINT "a_judges_final_score_is_calibrated" CHECK (("judge" = '' OR "verified_by" IS NULL OR "verified_by" = 'person' OR "calibration_id" IS NOT NULL)));
CREATE INDEX "submissions_score_calibration_id_85bc426d" ON "submissions_score" ("calibration_id");
CREATE INDEX "submissions_score_person_id_36be5b58" ON "submissions_score" ("person_id");
CREATE TABLE "submissions_enginechoice" ("id" integer NOT NULL PRIMARY KEY AUTOINCREMENT, "key" varchar(64) NOT NULL UNIQUE, "model" varchar(200) NOT NULL, "cpu" varchar(200) NOT NULL, "threads" smallint unsigned NOT NULL CHECK ("threads" >= 0), "device" varchar(80) NOT NULL, "versions" varchar(200) NOT NULL, "digest" varchar(12) NOT NULL, "choice" text NOT NULL CHECK ((JSON_VALID("choice") OR "choice" IS NULL)), "created" datetime DEFAULT (STRFTIME('%Y-%m-%d %H:%M:%f', 'NOW')) NOT NULL);
CREATE INDEX "submissions_enginechoice_digest_7a4116c9" ON "submissions_enginechoice" ("digest");
CREATE TABLE "submissions_workerstatus" ("id" integer NOT NULL PRIMARY KEY AUTOINCREMENT, "name" varchar(120) NOT NULL UNIQUE, "lane" varchar(12) NOT NULL, "device" varchar(80) NOT NULL, "profile" varchar(80) NOT NULL, "base_models" text NOT NULL CHECK ((JSON_VALID("base_models") OR "base_models" IS NULL)), "judge" varchar(80) NOT NULL, "problem" text NOT NULL, "busy_with" bigint NULL, "last_seen" datetime DEFAULT (STRFTIME('%Y-%m-%d %H:%M:%f', 'NOW')) NOT NULL, "lacks" text DEFAULT '{}' NOT NULL CHECK ((JSON_VALID("lacks") OR "lacks" IS NULL)));
CREATE TABLE "submissions_slot" ("id" integer NOT NULL PRIMARY KEY AUTOINCREMENT, "limit" varchar(40) NOT NULL, "scope" varchar(200) NOT NULL, "period" varchar(10) NOT NULL, "number" integer unsigned NOT NULL CHECK ("number" >= 0), "allowed" integer unsigned NOT NULL CHECK ("allowed" >= 0), "run_id" bigint NULL REFERENCES "submissions_run" ("id") DEFERRABLE INITIALLY DEFERRED, "submission_id" bigint NULL REFERENCES "submissions_submission" ("id") DEFERRABLE INITIALLY DEFERRED, "user_id" bigint NULL REFERENCES "accounts_user" ("id") DEFERRABLE INITIALLY DEFERRED, CONSTRAINT "one_use_of_a_number" UNIQUE ("limit", "user_id", "scope", "period", "number"), CONSTRAINT "number_within_allowed" CHECK (("number" >= 1 AND "number" <= ("allowed"))), CONSTRAINT "a_limit_is_of_somebody_or_something" CHECK (("user_id" IS NOT NULL OR NOT ("scope" = ''))), CONSTRAINT "a_slot_is_of_one_thing" CHECK ((("run_id" IS NULL AND "submission_id" IS NOT NULL) OR ("run_id" IS NOT NULL AND "submission_id" IS NULL) OR ("limit" IN ('reports', 'sets') AND "run_id" IS NULL AND "submission_id" IS NULL))), CONSTRAINT "one_at_a_time" CHECK ((NOT ("limit" IN ('open_chats', 'open_measurement')) OR "allowed" = 1)), CONSTRAINT "one_slot_of_a_submission" UNIQUE ("limit", "submission_id"), CONSTRAINT "one_slot_of_a_run" UNIQUE ("limit", "run_id"));
CREATE UNIQUE INDEX "one_use_of_a_number_without_a_user" ON "submissions_slot" ("limit", "scope", "period", "number") WHERE "user_id" IS NULL;
CREATE UNIQUE INDEX "given_back_once" ON "submissions_slot" ("submission_id") WHERE "limit" IN ('cancelled_running', 'cancelled_waiting');
CREATE UNIQUE INDEX "open_once" ON "submissions_slot" ("run_id") WHERE "limit" IN ('open_runs', 'open_chats');
CREATE INDEX "submissions_slot_run_id_98e941d3" ON "submissions_slot" ("run_id");
CREATE INDEX "submissions_slot_submission_id_eed861b5" ON "submissions_slot" ("submission_id");
CREATE INDEX "submissions_slot_user_id_513d3a12" ON "submissions_slot" ("user_id");
CREATE TABLE "submissions_run" ("id" integer NOT NULL PRIMARY KEY AUTOINCREMENT, "uuid" char(32) NOT NULL UNIQUE, "purpose" varchar(10) NOT NULL, "kind" varchar(40) NOT NULL, "payload" text NOT NULL CHECK ((JSON_VALID("payload") OR "payload" IS NULL)), "inputs" text NOT NULL CHECK ((JSON_VALID("inputs") OR "inputs" IS NULL)), "adapter" varchar(300) NOT NULL, "label" varchar(80) NOT NULL, "finding" varchar(64) NOT NULL, "arm" varchar(64) NOT NULL, "repetition" smallint unsigned NULL CHECK ("repetition" >= 0), "created_at" datetime NOT NULL, "expires_at" datetime NOT NULL, "user_id" bigint NULL REFERENCES "accounts_user" ("id") DEFERRABLE INITIALLY DEFERRED, "version_id" bigint NOT NULL REFERENCES "courses_challengeversion" ("id") DEFERRABLE INITIALLY DEFERRED, "name" varchar(60) DEFAULT '' NOT NULL, "measures_id" bigint NULL REFERENCES "submissions_submission" ("id") DEFERRABLE INITIALLY DEFERRED, CONSTRAINT "a_runs_name_is_short" CHECK (LENGTH("name") <= 60), CONSTRAINT "only_costs_are_measured_of_an_attempt" CHECK (("purpose" = 'costs' OR "measures_id" IS NULL)), CONSTRAINT "a_findings_run_names_arm_and_repetition" CHECK ((("purpose" IN ('finding', 'proof') AND "repetition" >= 1 AND "repetition" IS NOT NULL AND NOT ("finding" = '') AND NOT ("arm" = '')) OR (NOT ("purpose" IN ('finding', 'proof')) AND "arm" = '' AND "finding" = '' AND "repetition" IS NULL))));
CREATE INDEX "submissions_run_user_id_ca269cf0" ON "submissions_run" ("user_id");
CREATE INDEX "submissions_run_version_id_770b2f72" ON "submissions_run" ("version_id");
CREATE INDEX "submissions_run_measures_id_f7c676aa" ON "submissions_run" ("measures_id");
CREATE INDEX "runs_by_their_end" ON "submissions_run" ("expires_at");
CREATE TABLE "courses_challengeversion" ("id" integer NOT NULL PRIMARY KEY AUTOINCREMENT, "version" varchar(40) NOT NULL, "digest" varchar(64) NOT NULL, "spec" text NOT NULL CHECK ((JSON_VALID("spec") OR "spec" IS NULL)), "statement" text NOT NULL, "solution" text NOT NULL, "public" text NOT NULL CHECK ((JSON_VALID("public") OR "public" IS NULL)), "train" text NOT NULL CHECK ((JSON_VALID("train") OR "train" IS NULL)), "baselines" text NOT NULL CHECK ((JSON_VALID("baselines") OR "baselines" IS NULL)), "author_baselines" text NOT NULL CHECK ((JSON_VALID("author_baselines") OR "author_baselines" IS NULL)), "hidden_count" integer unsigned NOT NULL CHECK ("hidden_count" >= 0), "imported_at" datetime NOT NULL, "linted_at" datetime NULL, "verified_at" datetime NULL, "published_at" datetime NULL, "challenge_id" bigint NOT NULL REFERENCES "courses_challenge" ("id") DEFERRABLE INITIALLY DEFERRED, "scored_count" integer unsigned NULL CHECK ("scored_count" >= 0), "findings" text NOT NULL CHECK ((JSON_VALID("findings") OR "findings" IS NULL)), "lint" text NOT NULL CHECK ((JSON_VALID("lint") OR "lint" IS NULL)), "goes_live" bool DEFAULT 1 NOT NULL, CONSTRAINT "one_version_by_digest" UNIQUE ("challenge_id", "digest"), CONSTRAINT "one_digest_by_version" UNIQUE ("challenge_id", "version"), CONSTRAINT "verified_after_lint" CHECK (("verified_at" IS NULL OR "linted_at" IS NOT NULL)));
CREATE INDEX "courses_challenge_board_version_id_9e3a6018" ON "courses_challenge" ("board_version_id");
CREATE INDEX "courses_challengeversion_challenge_id_01231938" ON "courses_challengeversion" ("challenge_id");
CREATE TABLE "courses_courseversion" ("id" integer NOT NULL PRIMARY KEY AUTOINCREMENT, "version" varchar(20) NOT NULL, "digest" varchar(64) NOT NULL, "archive" varchar(64) NOT NULL, "archive_bytes" bigint unsigned NOT NULL CHECK ("archive_bytes" >= 0), "contents" text NOT NULL CHECK ((JSON_VALID("contents") OR "contents" IS NULL)), "state" varchar(9) NOT NULL, "pushed_at" datetime NOT NULL, "published_at" datetime NULL, "ended_at" datetime NULL, "difference" text NOT NULL CHECK ((JSON_VALID("difference") OR "difference" IS NULL)), "not_checked" text NOT NULL CHECK ((JSON_VALID("not_checked") OR "not_checked" IS NULL)), "note" varchar(300) NOT NULL, "course_id" bigint NOT NULL REFERENCES "courses_course" ("id") DEFERRABLE INITIALLY DEFERRED, "published_by_id" bigint NULL REFERENCES "accounts_user" ("id") DEFERRABLE INITIALLY DEFERRED, "pushed_by_id" bigint NULL REFERENCES "accounts_user" ("id") DEFERRABLE INITIALLY DEFERRED, CONSTRAINT "state_and_times_of_a_course_version_agree" CHECK ((("ended_at" IS NULL AND "published_at" IS NULL AND "state" = 'draft') OR ("ended_at" IS NULL AND "published_at" IS NOT NULL AND "state" = 'published') OR ("ended_at" IS NOT NULL AND "published_at" IS NULL AND "state" IN ('replaced', 'discarded')))));
CREATE UNIQUE INDEX "one_draft_of_a_course" ON "courses_courseversion" ("course_id") WHERE "state" = 'draft';
CREATE INDEX "courses_courseversion_course_id_67940d1a" ON "courses_courseversion" ("course_id");
CREATE INDEX "courses_courseversion_published_by_id_2da886bf" ON "courses_courseversion" ("published_by_id");
CREATE INDEX "courses_courseversion_pushed_by_id_fa609100" ON "courses_courseversion" ("pushed_by_id");
CREATE TABLE "courses_upload" ("id" integer NOT NULL PRIMARY KEY AUTOINCREMENT, "uuid" char(32) NOT NULL UNIQUE, "course_slug" varchar(64) NOT NULL, "slot" smallint unsigned NOT NULL CHECK ("slot" >= 0), "sha256" varchar(64) NOT NULL, "bytes" integer unsigned NOT NULL CHECK ("bytes" >= 0), "offset" integer unsigned NOT NULL CHECK ("offset" >= 0), "parts" text NOT NULL CHECK ((JSON_VALID("parts") OR "parts" IS NULL)), "created_at" datetime NOT NULL, "expires_at" datetime NOT NULL, "pushing_until" datetime NULL, "user_id" bigint NOT NULL REFERENCES "accounts_user" ("id") DEFERRABLE INITIALLY DEFERRED, CONSTRAINT "one_upload_of_a_content" UNIQUE ("user_id", "course_slug", "sha256"), CONSTRAINT "one_upload_in_a_slot" UNIQUE ("user_id", "slot"), CONSTRAINT "few_uploads_of_a_person" CHECK ("slot" BETWEEN 1 AND 3), CONSTRAINT "upload_size" CHECK ("bytes" BETWEEN 1 AND 268435456), CONSTRAINT "upload_offset" CHECK ("offset" <= ("bytes")));
CREATE INDEX "courses_upload_course_slug_a931f288" ON "courses_upload" ("course_slug");
CREATE INDEX "courses_upload_expires_at_2878456c" ON "courses_upload" ("expires_at");
CREATE INDEX "courses_upload_user_id_03dda3b0" ON "courses_upload" ("user_id");
CREATE TABLE "classes_member_labels" ("id" integer NOT NULL PRIMARY KEY AUTOINCREMENT, "member_id" bigint NOT NULL REFERENCES "classes_member" ("id") DEFERRABLE INITIALLY DEFERRED, "label_id" bigint NOT NULL REFERENCES "classes_label" ("id") DEFERRABLE INITIALLY DEFERRED);
CREATE UNIQUE INDEX "classes_member_labels_member_id_label_id_71da845f_uniq" ON "classes_member_labels" ("member_id", "label_id");
CREATE INDEX "classes_member_labels_member_id_ac39cd31" ON "classes_member_labels" ("member_id");
CREATE INDEX "classes_member_labels_label_id_198068cc" ON "classes_member_labels" ("label_id");
CREATE TABLE "classes_class" ("id" integer NOT NULL PRIMARY KEY AUTOINCREMENT, "title" varchar(120) NOT NULL, "timezone" varchar(64) NOT NULL, "begins_at" datetime NULL, "ends_at" datetime NULL, "join_code" varchar(20) NULL UNIQUE, "join_code_until" datetime NULL, "points" varchar(5) NOT NULL, "steps" text NOT NULL CHECK ((JSON_VALID("steps") OR "steps" IS NULL)), "board" varchar(7) NOT NULL, "created_at" datetime NOT NULL, "course_id" bigint NOT NULL REFERENCES "courses_course" ("id") DEFERRABLE INITIALLY DEFERRED, "created_by_id" bigint NULL REFERENCES "accounts_user" ("id") DEFERRABLE INITIALLY DEFERRED, CONSTRAINT "class_ends_after_it_begins" CHECK (("begins_at" IS NULL OR "ends_at" IS NULL OR "ends_at" > ("begins_at"))), CONSTRAINT "class_has_a_title" CHECK (NOT ("title" = '')), CONSTRAINT "class_join_code_has_an_end" CHECK ((("join_code" IS NULL AND "join_code_until" IS NULL) OR ("join_code" IS NOT NULL AND "join_code_until" IS NOT NULL))), CONSTRAINT "class_join_code_is_not_empty" CHECK (NOT ("join_code" = '' AND "join_code" IS NOT NULL)), CONSTRAINT "class_points_is_a_choice" CHECK ("points" IN ('share', 'pass', 'steps')), CONSTRAINT "class_board_is_a_choice" CHECK ("board" IN ('off', 'staff', 'members')));
CREATE INDEX "classes_class_course_id_d007d893" ON "classes_class" ("course_id");
CREATE INDEX "classes_class_created_by_id_48fa8138" ON "classes_class" ("created_by_id");
CREATE TABLE "classes_label" ("id" integer NOT NULL PRIMARY KEY AUTOINCREMENT, "name" varchar(40) NOT NULL, "of_class_id" bigint NOT NULL REFERENCES "classes_class" ("id") DEFERRABLE INITIALLY DEFERRED, CONSTRAINT "label_has_a_name" CHECK (NOT ("name" = '')));
CREATE UNIQUE INDEX "one_label_of_a_name" ON "classes_label" ((LOWER("name")), "of_class_id");
CREATE INDEX "classes_label_of_class_id_203e9f50" ON "classes_label" ("of_class_id");
CREATE TABLE "classes_member" ("id" integer NOT NULL PRIMARY KEY AUTOINCREMENT, "email" varchar(254) NOT NULL, "login" varchar(120) NOT NULL, "registration_number" varchar(120) NOT NULL, "first_name" varchar(120) NOT NULL, "last_name" varchar(120) NOT NULL, "learner_data" varchar(6) NOT NULL, "state" varchar(6) NOT NULL, "joined_via" varchar(10) NOT NULL, "joined_at" datetime NOT NULL, "left_at" datetime NULL, "invited_at" datetime NULL, "invited_by_id" bigint NULL REFERENCES "accounts_user" ("id") DEFERRABLE INITIALLY DEFERRED, "of_class_id" bigint NOT NULL REFERENCES "classes_class" ("id") DEFERRABLE INITIALLY DEFERRED, "user_id" bigint NULL REFERENCES "accounts_user" ("id") DEFERRABLE INITIALLY DEFERRED, name_key varchar(1024) DEFAULT '' NOT NULL, CONSTRAINT "one_membership_of_an_account" UNIQUE ("of_class_id", "user_id"), CONSTRAINT "member_has_an_account_or_an_address" CHECK (("user_id" IS NOT NULL OR NOT ("email" = ''))), CONSTRAINT "member_email_is_lower_case" CHECK ("email" = (LOWER("email"))), CONSTRAINT "member_learner_data_is_a_level" CHECK ("learner_data" IN ('none', 'viewer', 'editor')), CONSTRAINT "member_state_and_time_agree" CHECK ((("left_at" IS NULL AND "state" = 'active') OR ("left_at" IS NOT NULL AND "state" = 'left'))), CONSTRAINT "member_joined_in_some_way" CHECK ("joined_via" IN ('code', 'invitation', 'roster', 'hand')));
CREATE UNIQUE INDEX "one_membership_of_an_address" ON "classes_member" ("of_class_id", "email") WHERE NOT ("email" = '');
CREATE INDEX "classes_member_invited_by_id_02b6f4d0" ON "classes_member" ("invited_by_id");
CREATE INDEX "classes_member_of_class_id_9919d68f" ON "classes_member" ("of_class_id");
CREATE INDEX "classes_member_user_id_f3b6559f" ON "classes_member" ("user_id");
CREATE INDEX "active_members" ON "classes_member" ("user_id", "of_class_id") WHERE "state" = 'active';
CREATE TRIGGER classes_member_is_no_guest BEFORE INSERT ON classes_member WHEN EXISTS (SELECT 1 FROM accounts_user WHERE id = NEW.user_id AND is_guest)
BEGIN SELECT RAISE(ABORT, 'a guest is no member of a class'); END;
CREATE TRIGGER classes_member_becomes_no_guest BEFORE UPDATE OF user_id ON classes_member WHEN EXISTS (SELECT 1 FROM accounts_user WHERE id = NEW.user_id AND is_guest)
BEGIN SELECT RAISE(ABORT, 'a guest is no member of a class'); END;
CREATE TRIGGER classes_member_stays BEFORE UPDATE OF of_class_id ON classes_member WHEN OLD.of_class_id <> NEW.of_class_id
BEGIN SELECT RAISE(ABORT, 'a member stays in the class'); END;
CREATE TRIGGER classes_label_stays BEFORE UPDATE OF of_class_id ON classes_label WHEN OLD.of_class_id <> NEW.of_class_id
BEGIN SELECT RAISE(ABORT, 'a label stays in its class'); END;
CREATE TRIGGER classes_class_stays BEFORE UPDATE OF course_id ON classes_class WHEN OLD.course_id <> NEW.course_id
BEGIN SELECT RAISE(ABORT, 'a class stays in its course'); END;
CREATE TRIGGER classes_member_labels_agree BEFORE INSERT ON classes_member_labels WHEN (SELECT of_class_id FROM classes_member WHERE id = NEW.member_id)
    <> (SELECT of_class_id FROM classes_label WHERE id = NEW.label_id)
BEGIN SELECT RAISE(ABORT, 'a member has labels of the own class only'); END;
CREATE TABLE "classes_announcement" ("id" integer NOT NULL PRIMARY KEY AUTOINCREMENT, "title" varchar(120) NOT NULL, "text" text NOT NULL, "publish_at" datetime NOT NULL, "by_mail" bool NOT NULL, "sent_at" datetime NULL, "withdrawn_at" datetime NULL, "created_at" datetime NOT NULL, "by_id" bigint NULL REFERENCES "accounts_user" ("id") DEFERRABLE INITIALLY DEFERRED, "label_id" bigint NULL REFERENCES "classes_label" ("id") DEFERRABLE INITIALLY DEFERRED, "of_class_id" bigint NOT NULL REFERENCES "classes_class" ("id") DEFERRABLE INITIALLY DEFERRED, CONSTRAINT "announcement_has_a_title" CHECK (NOT ("title" = '')), CONSTRAINT "announcement_has_a_text" CHECK (NOT ("text" = '')));
CREATE INDEX "classes_announcement_by_id_097b62e4" ON "classes_announcement" ("by_id");
CREATE INDEX "classes_announcement_label_id_838e12ce" ON "classes_announcement" ("label_id");
CREATE INDEX "classes_announcement_of_class_id_7bf40ca0" ON "classes_announcement" ("of_class_id");
CREATE INDEX "announcements_to_send" ON "classes_announcement" ("publish_at") WHERE ("sent_at" IS NULL AND "withdrawn_at" IS NULL);
CREATE TABLE "classes_daterule" ("id" integer NOT NULL PRIMARY KEY AUTOINCREMENT, "release_at" datetime NULL, "due_at" datetime NULL, "close_at" datetime NULL, "cleared" text NOT NULL CHECK ((JSON_VALID("cleared") OR "cleared" IS NULL)), "early" text NULL CHECK ((JSON_VALID("early") OR "early" IS NULL)), "late" text NULL CHECK ((JSON_VALID("late") OR "late" IS NULL)), "after" real NULL, "reason" varchar(500) NOT NULL, "changed_at" datetime NOT NULL, "challenge_id" bigint NULL REFERENCES "courses_challenge" ("id") DEFERRABLE INITIALLY DEFERRED, "changed_by_id" bigint NULL REFERENCES "accounts_user" ("id") DEFERRABLE INITIALLY DEFERRED, "label_id" bigint NULL REFERENCES "classes_label" ("id") DEFERRABLE INITIALLY DEFERRED, "lesson_id" bigint NULL REFERENCES "courses_lesson" ("id") DEFERRABLE INITIALLY DEFERRED, "member_id" bigint NULL REFERENCES "classes_member" ("id") DEFERRABLE INITIALLY DEFERRED, "of_class_id" bigint NOT NULL REFERENCES "classes_class" ("id") DEFERRABLE INITIALLY DEFERRED, "extended_to" datetime NULL, CONSTRAINT "date_rule_is_of_one_place" CHECK (("lesson_id" IS NULL OR "challenge_id" IS NULL)), CONSTRAINT "date_rule_is_for_one_group" CHECK (("label_id" IS NULL OR "member_id" IS NULL)), CONSTRAINT "date_rule_of_one_member_has_a_reason" CHECK (("member_id" IS NULL OR NOT ("reason" = ''))), CONSTRAINT "date_rule_opens_before_due" CHECK (("release_at" IS NULL OR "due_at" IS NULL OR "release_at" < ("due_at"))), CONSTRAINT "date_rule_due_by_close" CHECK (("due_at" IS NULL OR "close_at" IS NULL OR "due_at" <= ("close_at"))), CONSTRAINT "date_rule_opens_before_close" CHECK (("release_at" IS NULL OR "close_at" IS NULL OR "release_at" < ("close_at"))), CONSTRAINT "date_rule_credit_is_a_share" CHECK (("after" IS NULL OR ("after" >= 0.0 AND "after" <= 1.0))), CONSTRAINT "an_extension_is_for_somebody" CHECK (("extended_to" IS NULL OR "label_id" IS NOT NULL OR "member_id" IS NOT NULL)), CONSTRAINT "an_extension_has_a_reason" CHECK (("extended_to" IS NULL OR NOT ("reason" = ''))));
CREATE UNIQUE INDEX "one_date_rule_for_the_same" ON "classes_daterule" ("of_class_id", (COALESCE("lesson_id", 0)), (COALESCE("challenge_id", 0)), (COALESCE("label_id", 0)), (COALESCE("member_id", 0)));
CREATE INDEX "classes_daterule_challenge_id_77eab0cd" ON "classes_daterule" ("challenge_id");
CREATE INDEX "classes_daterule_changed_by_id_cef3a15d" ON "classes_daterule" ("changed_by_id");
CREATE INDEX "classes_daterule_label_id_aa2ad981" ON "classes_daterule" ("label_id");
CREATE INDEX "classes_daterule_lesson_id_62c81a53" ON "classes_daterule" ("lesson_id");
CREATE INDEX "classes_daterule_member_id_ddfefc27" ON "classes_daterule" ("member_id");
CREATE INDEX "classes_daterule_of_class_id_9bf38620" ON "classes_daterule" ("of_class_id");
CREATE TABLE "classes_grant" ("id" integer NOT NULL PRIMARY KEY AUTOINCREMENT, "attempts" smallint unsigned NOT NULL CHECK ("attempts" >= 0), "reason" varchar(500) NOT NULL, "granted_at" datetime NOT NULL, "challenge_id" bigint NOT NULL REFERENCES "courses_challenge" ("id") DEFERRABLE INITIALLY DEFERRED, "granted_by_id" bigint NULL REFERENCES "accounts_user" ("id") DEFERRABLE INITIALLY DEFERRED, "member_id" bigint NOT NULL REFERENCES "classes_member" ("id") DEFERRABLE INITIALLY DEFERRED, "withdrawn_at" datetime NULL, "withdrawn_by_id" bigint NULL REFERENCES "accounts_user" ("id") DEFERRABLE INITIALLY DEFERRED, "withdrawn_reason" varchar(500) NOT NULL, CONSTRAINT "grant_has_attempts" CHECK (("attempts" >= 1 AND "attempts" <= 100)), CONSTRAINT "grant_has_a_reason" CHECK (NOT ("reason" = '')), CONSTRAINT "grant_is_withdrawn_with_a_reason" CHECK ((("withdrawn_at" IS NULL AND "withdrawn_reason" = '') OR ("withdrawn_at" IS NOT NULL AND NOT ("withdrawn_reason" = '')))));
CREATE INDEX "classes_grant_challenge_id_0fc9980b" ON "classes_grant" ("challenge_id");
CREATE INDEX "classes_grant_granted_by_id_fd417aca" ON "classes_grant" ("granted_by_id");
CREATE INDEX "classes_grant_member_id_2483e4c6" ON "classes_grant" ("member_id");
CREATE INDEX "classes_grant_withdrawn_by_id_f2d4632f" ON "classes_grant" ("withdrawn_by_id");
CREATE TRIGGER classes_daterule_begins BEFORE INSERT ON classes_daterule WHEN (NEW.lesson_id IS NOT NULL
    AND (SELECT course_id FROM courses_lesson WHERE id = NEW.lesson_id)
    <> (SELECT course_id FROM classes_class WHERE id = NEW.of_class_id))
    OR (NEW.challenge_id IS NOT NULL
    AND (SELECT course_id FROM courses_challenge WHERE id = NEW.challenge_id)
    <> (SELECT course_id FROM classes_class WHERE id = NEW.of_class_id))
    OR (NEW.label_id IS NOT NULL
    AND (SELECT of_class_id FROM classes_label WHERE id = NEW.label_id) <> NEW.of_class_id)
    OR (NEW.member_id IS NOT NULL
    AND (SELECT of_class_id FROM classes_member WHERE id = NEW.member_id) <> NEW.of_class_id)
BEGIN SELECT RAISE(ABORT, 'a date rule names what is of its class'); END;
CREATE TRIGGER classes_daterule_stays BEFORE UPDATE OF of_class_id, lesson_id, challenge_id, label_id, member_id ON classes_daterule WHEN (NEW.lesson_id IS NOT NULL
    AND (SELECT course_id FROM courses_lesson WHERE id = NEW.lesson_id)
    <> (SELECT course_id FROM classes_class WHERE id = NEW.of_class_id))
    OR (NEW.challenge_id IS NOT NULL
    AND (SELECT course_id FROM courses_challenge WHERE id = NEW.challenge_id)
    <> (SELECT course_id FROM classes_class WHERE id = NEW.of_class_id))
    OR (NEW.label_id IS NOT NULL
    AND (SELECT of_class_id FROM classes_label WHERE id = NEW.label_id) <> NEW.of_class_id)
    OR (NEW.member_id IS NOT NULL
    AND (SELECT of_class_id FROM classes_member WHERE id = NEW.member_id) <> NEW.of_class_id)
BEGIN SELECT RAISE(ABORT, 'a date rule names what is of its class'); END;
CREATE TRIGGER classes_grant_begins BEFORE INSERT ON classes_grant WHEN (SELECT course_id FROM courses_challenge WHERE id = NEW.challenge_id) <> (SELECT course_id
    FROM classes_class WHERE id = (SELECT of_class_id FROM classes_member WHERE id = NEW.member_id))
BEGIN SELECT RAISE(ABORT, 'a grant is for a challenge of the class'); END;
CREATE TRIGGER classes_grant_moves BEFORE UPDATE OF member_id, challenge_id ON classes_grant WHEN (SELECT course_id FROM courses_challenge WHERE id = NEW.challenge_id) <> (SELECT course_id
    FROM classes_class WHERE id = (SELECT of_class_id FROM classes_member WHERE id = NEW.member_id))
BEGIN SELECT RAISE(ABORT, 'a grant is for a challenge of the class'); END;
CREATE TRIGGER classes_grant_stays_withdrawn BEFORE UPDATE OF withdrawn_at ON classes_grant WHEN OLD.withdrawn_at IS NOT NULL AND (NEW.withdrawn_at IS NULL OR NEW.withdrawn_at <> OLD.withdrawn_at)
BEGIN SELECT RAISE(ABORT, 'a grant that was withdrawn stays so'); END;
CREATE TRIGGER submissions_used_grant_stays BEFORE UPDATE OF withdrawn_at ON classes_grant WHEN NEW.withdrawn_at IS NOT NULL AND (SELECT COUNT(*) FROM submissions_slot WHERE "limit" = 'granted_attempts'
    AND user_id = (SELECT user_id FROM classes_member WHERE id = NEW.member_id)
    AND scope = 'challenge ' || NEW.challenge_id || ', of_class '
    || (SELECT of_class_id FROM classes_member WHERE id = NEW.member_id)) > (SELECT COALESCE(SUM(attempts), 0) FROM classes_grant WHERE withdrawn_at IS NULL
    AND member_id = NEW.member_id AND challenge_id = NEW.challenge_id AND id <> NEW.id)
BEGIN SELECT RAISE(ABORT, 'granted attempts that were used stay granted'); END;
CREATE TABLE "submissions_submission" ("id" integer NOT NULL PRIMARY KEY AUTOINCREMENT, "uuid" char(32) NOT NULL UNIQUE, "kind" varchar(40) NOT NULL, "payload" text NOT NULL CHECK ((JSON_VALID("payload") OR "payload" IS NULL)), "payload_sha256" varchar(64) NOT NULL, "idempotency_key" varchar(80) NOT NULL, "created_at" datetime NOT NULL, "challenge_id" bigint NOT NULL REFERENCES "courses_challenge" ("id") DEFERRABLE INITIALLY DEFERRED, "user_id" bigint NOT NULL REFERENCES "accounts_user" ("id") DEFERRABLE INITIALLY DEFERRED, "version_id" bigint NOT NULL REFERENCES "courses_challengeversion" ("id") DEFERRABLE INITIALLY DEFERRED, "text_digest" varchar(64) DEFAULT '' NOT NULL, "withdraws_earlier" bool DEFAULT 0 NOT NULL, "details_withheld" bool DEFAULT 0 NOT NULL, "grade_withheld" bool DEFAULT 0 NOT NULL, "of_class_id" bigint NULL REFERENCES "classes_class" ("id") DEFERRABLE INITIALLY DEFERRED, "annulled" bool DEFAULT 0 NOT NULL, "season" smallint unsigned DEFAULT 0 NOT NULL CHECK ("season" >= 0), "fingerprinted_at" datetime NULL, CONSTRAINT "one_submission_by_key" UNIQUE ("user_id", "challenge_id", "idempotency_key"), CONSTRAINT "no_details_without_the_grade" CHECK ((NOT "grade_withheld" OR "details_withheld")), CONSTRAINT "only_a_class_withholds" CHECK ((NOT "details_withheld" OR "of_class_id" IS NOT NULL)));
CREATE INDEX "submissions_submission_challenge_id_583526d5" ON "submissions_submission" ("challenge_id");
CREATE INDEX "submissions_submission_user_id_f185a147" ON "submissions_submission" ("user_id");
CREATE INDEX "submissions_submission_version_id_72b06561" ON "submissions_submission" ("version_id");
CREATE INDEX "submissions_submission_of_class_id_9aff668f" ON "submissions_submission" ("of_class_id");
CREATE INDEX "equal_texts" ON "submissions_submission" ("challenge_id", "text_digest") WHERE NOT ("text_digest" = '');
CREATE INDEX "withheld" ON "submissions_submission" ("of_class_id", "challenge_id", "user_id") WHERE "details_withheld";
CREATE INDEX "attempts_of_a_class" ON "submissions_submission" ("of_class_id", "user_id", "challenge_id") WHERE "of_class_id" IS NOT NULL;
CREATE TABLE "submissions_annulment" ("id" integer NOT NULL PRIMARY KEY AUTOINCREMENT, "reason" varchar(500) NOT NULL, "made_at" datetime NOT NULL, "ended_at" datetime NULL, "ended_by_id" bigint NULL REFERENCES "accounts_user" ("id") DEFERRABLE INITIALLY DEFERRED, "made_by_id" bigint NULL REFERENCES "accounts_user" ("id") DEFERRABLE INITIALLY DEFERRED, "submission_id" bigint NOT NULL REFERENCES "submissions_submission" ("id") DEFERRABLE INITIALLY DEFERRED, CONSTRAINT "annulment_has_a_reason" CHECK (NOT ("reason" = '')));
CREATE UNIQUE INDEX "one_annulment" ON "submissions_annulment" ("submission_id") WHERE "ended_at" IS NULL;
CREATE INDEX "submissions_annulment_ended_by_id_e6308b5b" ON "submissions_annulment" ("ended_by_id");
CREATE INDEX "submissions_annulment_made_by_id_50cb5968" ON "submissions_annulment" ("made_by_id");
CREATE INDEX "submissions_annulment_submission_id_6f2ddec2" ON "submissions_annulment" ("submission_id");
CREATE TABLE "submissions_season" ("id" integer NOT NULL PRIMARY KEY AUTOINCREMENT, "number" smallint unsigned NOT NULL CHECK ("number" >= 0), "title" varchar(80) NOT NULL, "began_at" datetime NOT NULL, "begun_by_id" bigint NULL REFERENCES "accounts_user" ("id") DEFERRABLE INITIALLY DEFERRED, "challenge_id" bigint NOT NULL REFERENCES "courses_challenge" ("id") DEFERRABLE INITIALLY DEFERRED, CONSTRAINT "one_season_of_a_number" UNIQUE ("challenge_id", "number"), CONSTRAINT "season_0_has_no_row" CHECK ("number" >= 1));
CREATE INDEX "submissions_season_begun_by_id_cabe6260" ON "submissions_season" ("begun_by_id");
CREATE INDEX "submissions_season_challenge_id_c4bffa35" ON "submissions_season" ("challenge_id");
CREATE TABLE "submissions_mark" ("id" integer NOT NULL PRIMARY KEY AUTOINCREMENT, "kind" varchar(6) NOT NULL, "reason" varchar(500) NOT NULL, "made_at" datetime NOT NULL, "ended_at" datetime NULL, "answer" text NOT NULL, "answered_at" datetime NULL, "challenge_id" bigint NOT NULL REFERENCES "courses_challenge" ("id") DEFERRABLE INITIALLY DEFERRED, "ended_by_id" bigint NULL REFERENCES "accounts_user" ("id") DEFERRABLE INITIALLY DEFERRED, "made_by_id" bigint NULL REFERENCES "accounts_user" ("id") DEFERRABLE INITIALLY DEFERRED, "user_id" bigint NOT NULL REFERENCES "accounts_user" ("id") DEFERRABLE INITIALLY DEFERRED, "read_at" datetime NULL, "read_by_id" bigint NULL REFERENCES "accounts_user" ("id") DEFERRABLE INITIALLY DEFERRED, CONSTRAINT "mark_is_of_a_kind" CHECK ("kind" IN ('flag', 'hidden')), CONSTRAINT "mark_has_a_reason" CHECK (NOT ("reason" = '')), CONSTRAINT "only_who_is_hidden_answers" CHECK ((("answer" = '' AND "answered_at" IS NULL) OR "kind" = 'hidden')), CONSTRAINT "only_an_answer_is_read" CHECK (("read_at" IS NULL OR "answered_at" IS NOT NULL)));
CREATE UNIQUE INDEX "one_mark_of_a_kind" ON "submissions_mark" ("user_id", "challenge_id", "kind") WHERE "ended_at" IS NULL;
CREATE INDEX "submissions_mark_challenge_id_ede5f60a" ON "submissions_mark" ("challenge_id");
CREATE INDEX "submissions_mark_ended_by_id_96609675" ON "submissions_mark" ("ended_by_id");
CREATE INDEX "submissions_mark_made_by_id_a38b8eed" ON "submissions_mark" ("made_by_id");
CREATE INDEX "submissions_mark_user_id_08581141" ON "submissions_mark" ("user_id");
CREATE INDEX "submissions_mark_read_by_id_08154cfe" ON "submissions_mark" ("read_by_id");
CREATE INDEX "hidden_entries" ON "submissions_mark" ("challenge_id", "user_id") WHERE ("ended_at" IS NULL AND "kind" = 'hidden');
CREATE TRIGGER submissions_not_of_a_deleted_account BEFORE INSERT ON submissions_submission WHEN EXISTS (SELECT 1 FROM accounts_user WHERE id = NEW.user_id AND deleted_at IS NOT NULL)
BEGIN SELECT RAISE(ABORT, 'a deleted account hands nothing in'); END;
CREATE TRIGGER submissions_run_not_of_a_deleted BEFORE INSERT ON submissions_run WHEN EXISTS (SELECT 1 FROM accounts_user WHERE id = NEW.user_id AND deleted_at IS NOT NULL)
BEGIN SELECT RAISE(ABORT, 'a deleted account hands nothing in'); END;
CREATE TRIGGER submissions_deleted_is_not_graded BEFORE INSERT ON submissions_evaluation WHEN NEW.state IN ('queued', 'running') AND EXISTS (
    SELECT 1 FROM submissions_submission AS attempt JOIN accounts_user AS person ON person.id = attempt.user_id
    WHERE attempt.id = NEW.submission_id AND person.deleted_at IS NOT NULL)
BEGIN SELECT RAISE(ABORT, 'attempts of a deleted account have nothing to grade'); END;
CREATE TABLE "submissions_fingerprint" ("submission_id" bigint NOT NULL REFERENCES "submissions_submission" ("id") DEFERRABLE INITIALLY DEFERRED, "challenge_id" bigint NOT NULL REFERENCES "courses_challenge" ("id") DEFERRABLE INITIALLY DEFERRED, "hash" bigint NOT NULL, PRIMARY KEY ("submission_id", "hash"));
CREATE INDEX "not_fingerprinted" ON "submissions_submission" ("id") WHERE "fingerprinted_at" IS NULL;
CREATE INDEX "attempts_with_a_hash" ON "submissions_fingerprint" ("challenge_id", "hash", "submission_id");
CREATE TABLE "submissions_rerun" ("id" integer NOT NULL PRIMARY KEY AUTOINCREMENT, "seed" bigint unsigned NOT NULL CHECK ("seed" >= 0), "own_seed" bool NOT NULL, "before" real NOT NULL, "step" real NOT NULL, "value" real NULL, "engine_profile" varchar(80) NOT NULL, "error_code" varchar(40) NOT NULL, "asked_at" datetime NOT NULL, "finished_at" datetime NULL, "asked_by_id" bigint NULL REFERENCES "accounts_user" ("id") DEFERRABLE INITIALLY DEFERRED, "run_id" bigint NULL UNIQUE REFERENCES "submissions_run" ("id") DEFERRABLE INITIALLY DEFERRED, "submission_id" bigint NOT NULL REFERENCES "submissions_submission" ("id") DEFERRABLE INITIALLY DEFERRED, CONSTRAINT "a_rerun_ends_with_a_score_or_an_error" CHECK ((("error_code" = '' AND "finished_at" IS NULL AND "value" IS NULL) OR ("error_code" = '' AND "finished_at" IS NOT NULL AND "value" >= 0.0 AND "value" <= 1.0) OR ("finished_at" IS NOT NULL AND "value" IS NULL AND NOT ("error_code" = '')))));
CREATE UNIQUE INDEX "one_open_rerun_of_a_seed" ON "submissions_rerun" ("submission_id", "seed") WHERE "finished_at" IS NULL;
CREATE INDEX "submissions_rerun_asked_by_id_022aa8d0" ON "submissions_rerun" ("asked_by_id");
CREATE INDEX "submissions_rerun_submission_id_a73381ea" ON "submissions_rerun" ("submission_id");
CREATE TABLE "submissions_standing" ("id" integer NOT NULL PRIMARY KEY AUTOINCREMENT, "track" varchar(40) NOT NULL, "shown" real NOT NULL, "private_value" real NULL, "passed" bool NOT NULL, "gold" bool NOT NULL, "provisional" bool NOT NULL, "cost" text NOT NULL CHECK ((JSON_VALID("cost") OR "cost" IS NULL)), "reached_at" datetime NOT NULL, "challenge_id" bigint NOT NULL REFERENCES "courses_challenge" ("id") DEFERRABLE INITIALLY DEFERRED, "user_id" bigint NOT NULL REFERENCES "accounts_user" ("id") DEFERRABLE INITIALLY DEFERRED, "version_id" bigint NOT NULL REFERENCES "courses_challengeversion" ("id") DEFERRABLE INITIALLY DEFERRED, "submission_id" bigint NOT NULL REFERENCES "submissions_submission" ("id") DEFERRABLE INITIALLY DEFERRED, "season" smallint unsigned DEFAULT 0 NOT NULL CHECK ("season" >= 0), "approach" varchar(40) DEFAULT '' NOT NULL, CONSTRAINT "no_provisional_gold" CHECK ((NOT "provisional" OR NOT "gold")), CONSTRAINT "one_standing" UNIQUE ("user_id", "challenge_id", "track", "version_id", "season"));
CREATE INDEX "submissions_standing_challenge_id_243493c1" ON "submissions_standing" ("challenge_id");
CREATE INDEX "submissions_standing_user_id_4f20158c" ON "submissions_standing" ("user_id");
CREATE INDEX "submissions_standing_version_id_8c8bc8f7" ON "submissions_standing" ("version_id");
CREATE INDEX "submissions_standing_submission_id_ec3a39b5" ON "submissions_standing" ("submission_id");
CREATE INDEX "board" ON "submissions_standing" ("version_id", "track", "season", "shown" DESC, "reached_at", "id", "user_id") WHERE NOT "provisional";
CREATE INDEX "board_by_approach" ON "submissions_standing" ("version_id", "track", "season", "approach", "shown" DESC, "reached_at", "id", "user_id") WHERE NOT "provisional";
CREATE TRIGGER submissions_class_of_a_member BEFORE INSERT ON submissions_submission WHEN NEW.of_class_id IS NOT NULL AND NOT EXISTS (
    SELECT 1 FROM classes_member WHERE of_class_id = NEW.of_class_id AND user_id = NEW.user_id)
BEGIN SELECT RAISE(ABORT, 'an attempt counts for a class of its learner'); END;
CREATE TRIGGER submissions_class_stays BEFORE UPDATE OF of_class_id ON submissions_submission WHEN COALESCE(OLD.of_class_id, 0) <> COALESCE(NEW.of_class_id, 0)
BEGIN SELECT RAISE(ABORT, 'an attempt stays in its class'); END;
CREATE TRIGGER submissions_grade_stays_released BEFORE UPDATE OF grade_withheld, details_withheld ON submissions_submission WHEN ((NEW.grade_withheld AND NOT OLD.grade_withheld)
    OR (NEW.details_withheld AND NOT OLD.details_withheld)) AND EXISTS (SELECT 1 FROM submissions_score JOIN submissions_evaluation
    ON submissions_evaluation.id = submissions_score.evaluation_id
    WHERE submissions_evaluation.submission_id = NEW.id)
BEGIN SELECT RAISE(ABORT, 'a grade that was shown is not withheld again'); END;
CREATE TRIGGER submissions_standing_is_released BEFORE INSERT ON submissions_standing WHEN EXISTS (SELECT 1 FROM submissions_submission WHERE id = NEW.submission_id AND grade_withheld)
BEGIN SELECT RAISE(ABORT, 'a standing is made of grades that are released'); END;
CREATE TRIGGER submissions_standing_stays_released BEFORE UPDATE OF submission_id ON submissions_standing WHEN EXISTS (SELECT 1 FROM submissions_submission WHERE id = NEW.submission_id AND grade_withheld)
BEGIN SELECT RAISE(ABORT, 'a standing is made of grades that are released'); END;
CREATE TRIGGER submissions_season_stays BEFORE UPDATE OF season ON submissions_submission WHEN NEW.season <> OLD.season
BEGIN SELECT RAISE(ABORT, 'an attempt stays in its season'); END;
CREATE TRIGGER submissions_annulled_with_a_reason BEFORE UPDATE OF annulled ON submissions_submission WHEN NEW.annulled <> EXISTS (
    SELECT 1 FROM submissions_annulment WHERE submission_id = NEW.id AND ended_at IS NULL)
BEGIN SELECT RAISE(ABORT, 'an attempt is annulled as long as an annulment stands'); END;
CREATE TRIGGER submissions_standing_counts BEFORE INSERT ON submissions_standing WHEN EXISTS (SELECT 1 FROM submissions_submission WHERE id = NEW.submission_id AND annulled)
BEGIN SELECT RAISE(ABORT, 'a standing is made of attempts that are not annulled'); END;
CREATE TRIGGER submissions_standing_still_counts BEFORE UPDATE OF submission_id ON submissions_standing WHEN EXISTS (SELECT 1 FROM submissions_submission WHERE id = NEW.submission_id AND annulled)
BEGIN SELECT RAISE(ABORT, 'a standing is made of attempts that are not annulled'); END;
CREATE TRIGGER classes_grant_stays BEFORE UPDATE OF challenge_id, attempts, reason ON classes_grant WHEN OLD.challenge_id <> NEW.challenge_id OR OLD.attempts <> NEW.attempts
    OR (OLD.reason <> NEW.reason AND NOT (NEW.reason = '(deleted)' AND EXISTS (SELECT 1 FROM classes_member AS member JOIN accounts_user AS person
    ON person.id = member.user_id AND person.deleted_at IS NOT NULL WHERE member.id = OLD.member_id)))
BEGIN SELECT RAISE(ABORT, 'a grant stays as it is'); END;
CREATE TABLE "submissions_quotahold" ("id" integer NOT NULL PRIMARY KEY AUTOINCREMENT, "amount" bigint unsigned NOT NULL CHECK ("amount" >= 0), "evaluation_id" bigint NOT NULL REFERENCES "submissions_evaluation" ("id") DEFERRABLE INITIALLY DEFERRED, "use_id" bigint NOT NULL REFERENCES "submissions_quotause" ("id") DEFERRABLE INITIALLY DEFERRED);
CREATE INDEX "submissions_quotahold_evaluation_id_98809db8" ON "submissions_quotahold" ("evaluation_id");
CREATE INDEX "submissions_quotahold_use_id_4d27c745" ON "submissions_quotahold" ("use_id");
CREATE TABLE "submissions_quota" ("id" integer NOT NULL PRIMARY KEY AUTOINCREMENT, "what" varchar(8) NOT NULL, "period" varchar(5) NOT NULL, "allowed" bigint unsigned NOT NULL CHECK ("allowed" >= 0), "set_at" datetime NOT NULL, "ended_at" datetime NULL, "course_id" bigint NULL REFERENCES "courses_course" ("id") DEFERRABLE INITIALLY DEFERRED, "of_class_id" bigint NULL REFERENCES "classes_class" ("id") DEFERRABLE INITIALLY DEFERRED, CONSTRAINT "a_quota_is_of_a_course_or_a_class" CHECK ((("course_id" IS NULL AND "of_class_id" IS NOT NULL) OR ("course_id" IS NOT NULL AND "of_class_id" IS NULL))), CONSTRAINT "attempts_are_those_of_a_day" CHECK ((NOT ("what" = 'attempts') OR "period" = 'day')), CONSTRAINT "a_quota_is_of_a_kind" CHECK (("period" IN ('day', 'month', 'whole') AND "what" IN ('attempts', 'training', 'calls', 'money'))));
CREATE UNIQUE INDEX "one_quota_of_a_course" ON "submissions_quota" ("course_id", "what") WHERE "ended_at" IS NULL;
CREATE UNIQUE INDEX "one_quota_of_a_class" ON "submissions_quota" ("of_class_id", "what") WHERE "ended_at" IS NULL;
CREATE INDEX "submissions_quota_course_id_5e78b385" ON "submissions_quota" ("course_id");
CREATE INDEX "submissions_quota_of_class_id_5c68d71f" ON "submissions_quota" ("of_class_id");
CREATE TABLE "submissions_quotause" ("id" integer NOT NULL PRIMARY KEY AUTOINCREMENT, "period" varchar(10) NOT NULL, "used" bigint unsigned NOT NULL CHECK ("used" >= 0), "held" bigint unsigned NOT NULL CHECK ("held" >= 0), "quota_id" bigint NOT NULL REFERENCES "submissions_quota" ("id") DEFERRABLE INITIALLY DEFERRED, CONSTRAINT "one_use_of_a_period" UNIQUE ("quota_id", "period"));
CREATE INDEX "submissions_quotause_quota_id_d70307ee" ON "submissions_quotause" ("quota_id");
CREATE TRIGGER submissions_quota_is_kept BEFORE UPDATE OF held ON submissions_quotause WHEN NEW.held > OLD.held AND (NEW.used + NEW.held > (SELECT allowed FROM submissions_quota WHERE id = NEW.quota_id) OR (SELECT ended_at FROM submissions_quota WHERE id = NEW.quota_id) IS NOT NULL)
BEGIN SELECT RAISE(ABORT, 'no more is held than the budget allows'); END;
CREATE TRIGGER submissions_quota_stays BEFORE UPDATE ON submissions_quota WHEN NEW.allowed <> OLD.allowed OR NEW.what <> OLD.what OR NEW.period <> OLD.period OR OLD.ended_at IS NOT NULL
BEGIN SELECT RAISE(ABORT, 'a budget is not changed: it ends, and another one follows'); END;
CREATE INDEX "use_of_training" ON "submissions_evaluation" ("submission_id") WHERE ("finished_at" IS NOT NULL AND "lane" = 'train' AND "started_at" IS NOT NULL);
CREATE INDEX "use_of_judge" ON "submissions_evaluation" ("id") WHERE "lane" = 'judge';
CREATE INDEX "use_of_attempts" ON "submissions_submission" ("challenge_id");
CREATE TABLE "challenge_health_rowscores" ("evaluation_id" bigint NOT NULL PRIMARY KEY REFERENCES "submissions_evaluation" ("id") DEFERRABLE INITIALLY DEFERRED, "scores" BLOB NOT NULL, "answers" text NOT NULL CHECK ((JSON_VALID("answers") OR "answers" IS NULL)));
CREATE TABLE "challenge_health_figures" ("id" integer NOT NULL PRIMARY KEY AUTOINCREMENT, "track" varchar(40) NOT NULL, "figures" text NOT NULL CHECK ((JSON_VALID("figures") OR "figures" IS NULL)), "is_stale" bool NOT NULL, "seconds" real NOT NULL, "computed_at" datetime DEFAULT (STRFTIME('%Y-%m-%d %H:%M:%f', 'NOW')) NOT NULL, "version_id" bigint NOT NULL REFERENCES "courses_challengeversion" ("id") DEFERRABLE INITIALLY DEFERRED, CONSTRAINT "one_row_of_figures" UNIQUE ("version_id", "track"));
CREATE INDEX "challenge_health_figures_version_id_0db269bc" ON "challenge_health_figures" ("version_id");
CREATE INDEX "stale_figures" ON "challenge_health_figures" ("computed_at") WHERE "is_stale";
CREATE TABLE "chats_chatmessage" ("run_id" bigint NOT NULL PRIMARY KEY REFERENCES "submissions_run" ("id") DEFERRABLE INITIALLY DEFERRED, "style" varchar(10) NOT NULL, "text" text NOT NULL, "submission_id" bigint NOT NULL REFERENCES "submissions_submission" ("id") DEFERRABLE INITIALLY DEFERRED, "user_id" bigint NOT NULL REFERENCES "accounts_user" ("id") DEFERRABLE INITIALLY DEFERRED, "slot_id" bigint NOT NULL UNIQUE REFERENCES "submissions_slot" ("id") DEFERRABLE INITIALLY DEFERRED, CONSTRAINT "chat_style_is_known" CHECK ("style" IN ('challenge', 'plain')), CONSTRAINT "chat_text_is_short" CHECK ((LENGTH("text") <= 1000 AND LENGTH("text") > 0)));
CREATE INDEX "chats_chatmessage_submission_id_253a44ee" ON "chats_chatmessage" ("submission_id");
CREATE INDEX "chats_chatmessage_user_id_79aca0cf" ON "chats_chatmessage" ("user_id");
CREATE TABLE "classes_managed" ("id" integer NOT NULL PRIMARY KEY AUTOINCREMENT, "source" varchar(60) NOT NULL, "learner_data" varchar(6) NOT NULL, "own_learner_data" varchar(6) NOT NULL, "made_member" bool NOT NULL, "changed_at" datetime NOT NULL, "member_id" bigint NOT NULL REFERENCES "classes_member" ("id") DEFERRABLE INITIALLY DEFERRED, CONSTRAINT "one_managed_place_of_a_source" UNIQUE ("member_id", "source"), CONSTRAINT "managed_place_has_a_source" CHECK (NOT ("source" = '')), CONSTRAINT "managed_role_is_a_level" CHECK ("learner_data" IN ('none', 'viewer', 'editor')), CONSTRAINT "managed_own_role_is_a_level" CHECK ("own_learner_data" IN ('none', 'viewer', 'editor')));
CREATE TABLE "classes_managed_labels" ("id" integer NOT NULL PRIMARY KEY AUTOINCREMENT, "managed_id" bigint NOT NULL REFERENCES "classes_managed" ("id") DEFERRABLE INITIALLY DEFERRED, "label_id" bigint NOT NULL REFERENCES "classes_label" ("id") DEFERRABLE INITIALLY DEFERRED);
CREATE TRIGGER classes_managed_labels_agree BEFORE INSERT ON classes_managed_labels WHEN (SELECT member.of_class_id FROM classes_member AS member
    JOIN classes_managed AS managed ON managed.member_id = member.id WHERE managed.id = NEW.managed_id)
    <> (SELECT of_class_id FROM classes_label WHERE id = NEW.label_id)
BEGIN SELECT RAISE(ABORT, 'a managed label is one of the class of the member'); END;
CREATE TRIGGER classes_managed_has_an_account BEFORE INSERT ON classes_managed WHEN (SELECT user_id FROM classes_member WHERE id = NEW.member_id) IS NULL
BEGIN SELECT RAISE(ABORT, 'only a member with an account has a managed place'); END;
CREATE TRIGGER classes_managed_source_stays BEFORE UPDATE OF source ON classes_managed WHEN OLD.source <> NEW.source
BEGIN SELECT RAISE(ABORT, 'a managed place stays with its source'); END;
CREATE INDEX "classes_managed_member_id_dbbda3b2" ON "classes_managed" ("member_id");
CREATE UNIQUE INDEX "classes_managed_labels_managed_id_label_id_94c19074_uniq" ON "classes_managed_labels" ("managed_id", "label_id");
CREATE INDEX "classes_managed_labels_managed_id_4616c583" ON "classes_managed_labels" ("managed_id");
CREATE INDEX "classes_managed_labels_label_id_3a001f31" ON "classes_managed_labels" ("label_id");
CREATE TABLE "classes_releaserule" ("id" integer NOT NULL PRIMARY KEY AUTOINCREMENT, "score" varchar(4) NOT NULL, "score_at" datetime NULL, "details" varchar(4) NOT NULL, "details_at" datetime NULL, "released_score_at" datetime NULL, "released_details_at" datetime NULL, "challenge_id" bigint NULL REFERENCES "courses_challenge" ("id") DEFERRABLE INITIALLY DEFERRED, "of_class_id" bigint NOT NULL REFERENCES "classes_class" ("id") DEFERRABLE INITIALLY DEFERRED, "released_details_by_id" bigint NULL REFERENCES "accounts_user" ("id") DEFERRABLE INITIALLY DEFERRED, "released_score_by_id" bigint NULL REFERENCES "accounts_user" ("id") DEFERRABLE INITIALLY DEFERRED, "provisional" bool DEFAULT 0 NOT NULL, CONSTRAINT "one_release_rule_of_a_challenge" UNIQUE ("of_class_id", "challenge_id"), CONSTRAINT "a_score_is_released_at_a_date" CHECK ((("score" = 'date' AND "score_at" IS NOT NULL) OR ("score" IN ('now', 'hand') AND "score_at" IS NULL))), CONSTRAINT "details_are_released_at_a_date" CHECK ((("details" = 'date' AND "details_at" IS NOT NULL) OR ("details" IN ('now', 'hand') AND "details_at" IS NULL))));
CREATE UNIQUE INDEX "one_release_rule_of_a_class" ON "classes_releaserule" ("of_class_id") WHERE "challenge_id" IS NULL;
CREATE INDEX "classes_releaserule_challenge_id_cf7de880" ON "classes_releaserule" ("challenge_id");
CREATE INDEX "classes_releaserule_of_class_id_6c33969b" ON "classes_releaserule" ("of_class_id");
CREATE INDEX "classes_releaserule_released_details_by_id_9ba6ae78" ON "classes_releaserule" ("released_details_by_id");
CREATE INDEX "classes_releaserule_released_score_by_id_5192c734" ON "classes_releaserule" ("released_score_by_id");
CREATE TABLE "courses_course" ("id" integer NOT NULL PRIMARY KEY AUTOINCREMENT, "slug" varchar(64) NOT NULL UNIQUE, "title" varchar(200) NOT NULL, "summary" text NOT NULL, "timezone" varchar(64) NOT NULL, "version" varchar(20) NOT NULL, "digest" varchar(64) NOT NULL, "is_published" bool NOT NULL, "frozen_at" datetime NULL, "updated_at" datetime NOT NULL, "all_attempts_wait" bool DEFAULT 0 NOT NULL, "reveal_at" datetime NULL, "listing" varchar(8) DEFAULT 'listed' NOT NULL, CONSTRAINT "listing_of_a_course_is_known" CHECK ("listing" IN ('listed', 'unlisted', 'classes')));
CREATE TRIGGER courses_reveal_after_freeze_insert BEFORE INSERT ON courses_course WHEN NEW.reveal_at IS NOT NULL AND (NEW.frozen_at IS NULL OR NEW.reveal_at < NEW.frozen_at)
BEGIN SELECT RAISE(ABORT, 'ranks are revealed after the leaderboards have closed'); END;
CREATE TRIGGER courses_reveal_after_freeze_update BEFORE UPDATE OF frozen_at, reveal_at ON courses_course WHEN NEW.reveal_at IS NOT NULL AND (NEW.frozen_at IS NULL OR NEW.reveal_at < NEW.frozen_at)
BEGIN SELECT RAISE(ABORT, 'ranks are revealed after the leaderboards have closed'); END;
CREATE TRIGGER courses_courseversion_ended BEFORE UPDATE ON courses_courseversion WHEN OLD.state <> 'draft' AND (NEW.id IS NOT OLD.id OR NEW.course_id IS NOT OLD.course_id OR NEW.version IS NOT OLD.version OR NEW.digest IS NOT OLD.digest OR NEW.archive IS NOT OLD.archive OR NEW.archive_bytes IS NOT OLD.archive_bytes OR NEW.contents IS NOT OLD.contents OR NEW.state IS NOT OLD.state OR NEW.pushed_at IS NOT OLD.pushed_at OR NEW.published_at IS NOT OLD.published_at OR NEW.ended_at IS NOT OLD.ended_at OR NEW.difference IS NOT OLD.difference OR NEW.not_checked IS NOT OLD.not_checked OR NEW.note IS NOT OLD.note OR (NEW.pushed_by_id IS NOT NULL AND NEW.pushed_by_id IS NOT OLD.pushed_by_id) OR (NEW.published_by_id IS NOT NULL AND NEW.published_by_id IS NOT OLD.published_by_id)) BEGIN SELECT RAISE(ABORT, 'only a draft of a course changes'); END;
CREATE TRIGGER courses_courseversion_kept BEFORE DELETE ON courses_courseversion WHEN OLD.state = 'published'
AND EXISTS (SELECT 1 FROM courses_course WHERE id = OLD.course_id AND digest <> '') BEGIN SELECT RAISE(ABORT, 'a published version stays with its course'); END;
CREATE TABLE "fleet_workertoken" ("id" integer NOT NULL PRIMARY KEY AUTOINCREMENT, "name" varchar(40) NOT NULL UNIQUE, "digest" varchar(64) NOT NULL UNIQUE, "lanes" text NOT NULL CHECK ((JSON_VALID("lanes") OR "lanes" IS NULL)), "made_at" datetime NOT NULL, "ends_at" datetime NOT NULL, "machine" varchar(64) NOT NULL, "bound_at" datetime NULL, "revoked_at" datetime NULL, "is_draining" bool NOT NULL, "report" text NOT NULL CHECK ((JSON_VALID("report") OR "report" IS NULL)), "reported_at" datetime NULL, "made_by_id" bigint NULL REFERENCES "accounts_user" ("id") DEFERRABLE INITIALLY DEFERRED, CONSTRAINT "a_worker_token_is_named" CHECK ((TRIM("name", 'abcdefghijklmnopqrstuvwxyz0123456789-') = '' AND NOT ("name" = '') AND NOT ("name" LIKE '-%' ESCAPE '\'))), CONSTRAINT "a_worker_tokens_texts_are_short" CHECK ((LENGTH("name") <= 40 AND LENGTH("machine") <= 64)), CONSTRAINT "a_worker_token_has_a_digest" CHECK ((LENGTH("digest") = 64 AND TRIM("digest", '0123456789abcdef') = '')), CONSTRAINT "a_worker_token_has_lanes" CHECK (CAST("lanes" AS text) IN ('["interactive"]', '["grade"]', '["train"]', '["interactive", "grade"]', '["interactive", "train"]', '["grade", "train"]', '["interactive", "grade", "train"]')), CONSTRAINT "a_worker_token_ends_after_it_was_made" CHECK ("ends_at" > ("made_at")), CONSTRAINT "a_bound_worker_token_has_a_machine" CHECK ((("bound_at" IS NULL AND "machine" = '') OR (NOT ("machine" = '') AND "bound_at" IS NOT NULL))));
CREATE INDEX "fleet_workertoken_made_by_id_93c427b6" ON "fleet_workertoken" ("made_by_id");
CREATE TABLE "fleet_choiceproposal" ("id" integer NOT NULL PRIMARY KEY AUTOINCREMENT, "key" varchar(64) NOT NULL, "digest" varchar(12) NOT NULL, "place" text NOT NULL CHECK ((JSON_VALID("place") OR "place" IS NULL)), "choice" text NOT NULL CHECK ((JSON_VALID("choice") OR "choice" IS NULL)), "made_at" datetime DEFAULT (STRFTIME('%Y-%m-%d %H:%M:%f', 'NOW')) NOT NULL, "token_id" bigint NOT NULL REFERENCES "fleet_workertoken" ("id") DEFERRABLE INITIALLY DEFERRED, CONSTRAINT "one_proposal_of_a_machine" UNIQUE ("token_id", "key"));
CREATE INDEX "fleet_choiceproposal_token_id_0d90772c" ON "fleet_choiceproposal" ("token_id");
CREATE TRIGGER fleet_token_keeps_its_name BEFORE UPDATE OF name ON fleet_workertoken WHEN NEW.name <> OLD.name
BEGIN SELECT RAISE(ABORT, 'the name of a token of workers does not change'); END;
CREATE TRIGGER fleet_token_keeps_its_digest BEFORE UPDATE OF digest ON fleet_workertoken WHEN NEW.digest <> OLD.digest
BEGIN SELECT RAISE(ABORT, 'the secret of a token of workers does not change'); END;
CREATE TRIGGER fleet_token_stays_revoked BEFORE UPDATE OF revoked_at ON fleet_workertoken WHEN OLD.revoked_at IS NOT NULL AND (NEW.revoked_at IS NULL OR NEW.revoked_at <> OLD.revoked_at)
BEGIN SELECT RAISE(ABORT, 'a token of workers that was revoked stays revoked'); END;
CREATE TRIGGER fleet_token_stays_on_its_machine BEFORE UPDATE OF machine ON fleet_workertoken WHEN OLD.machine <> '' AND NEW.machine <> '' AND NEW.machine <> OLD.machine
BEGIN SELECT RAISE(ABORT, 'a token of workers is released before another machine uses it'); END;
CREATE TABLE "friends_friendcode" ("id" integer NOT NULL PRIMARY KEY AUTOINCREMENT, "code" varchar(20) NOT NULL UNIQUE, "made_at" datetime NOT NULL, "user_id" bigint NOT NULL UNIQUE REFERENCES "accounts_user" ("id") DEFERRABLE INITIALLY DEFERRED);
CREATE TABLE "friends_friendship" ("id" integer NOT NULL PRIMARY KEY AUTOINCREMENT, "asked_at" datetime NOT NULL, "agreed_at" datetime NULL, "refused_at" datetime NULL, "asked_id" bigint NOT NULL REFERENCES "accounts_user" ("id") DEFERRABLE INITIALLY DEFERRED, "asker_id" bigint NOT NULL REFERENCES "accounts_user" ("id") DEFERRABLE INITIALLY DEFERRED, CONSTRAINT "friends_are_two_people" CHECK (NOT ("asker_id" = ("asked_id"))), CONSTRAINT "a_friend_says_yes_or_no" CHECK (("agreed_at" IS NULL OR "refused_at" IS NULL)));
CREATE TRIGGER friends_begin_with_a_request BEFORE INSERT ON friends_friendship WHEN NEW.agreed_at IS NOT NULL OR NEW.refused_at IS NOT NULL
BEGIN SELECT RAISE(ABORT, 'only who is asked says yes or no'); END;
CREATE TRIGGER friends_have_accounts BEFORE INSERT ON friends_friendship WHEN EXISTS (SELECT 1 FROM accounts_user WHERE id IN (NEW.asker_id, NEW.asked_id)
    AND (is_guest OR deleted_at IS NOT NULL))
BEGIN SELECT RAISE(ABORT, 'friends are two people with accounts'); END;
CREATE TRIGGER friends_keep_accounts BEFORE UPDATE OF asker_id, asked_id ON friends_friendship WHEN EXISTS (SELECT 1 FROM accounts_user WHERE id IN (NEW.asker_id, NEW.asked_id)
    AND (is_guest OR deleted_at IS NOT NULL))
BEGIN SELECT RAISE(ABORT, 'friends are two people with accounts'); END;
CREATE TRIGGER friends_no_stays BEFORE UPDATE ON friends_friendship WHEN OLD.refused_at IS NOT NULL AND NEW.refused_at IS NULL
BEGIN SELECT RAISE(ABORT, 'a refused request stays refused'); END;
CREATE UNIQUE INDEX "one_friendship_of_two" ON "friends_friendship" ((MIN("asker_id", "asked_id")), (MAX("asker_id", "asked_id")));
CREATE INDEX "friends_friendship_asked_id_30fdf464" ON "friends_friendship" ("asked_id");
CREATE INDEX "friends_friendship_asker_id_9d442735" ON "friends_friendship" ("asker_id");
CREATE TABLE "gradebook_weight" ("id" integer NOT NULL PRIMARY KEY AUTOINCREMENT, "worth" decimal NOT NULL, "challenge_id" bigint NOT NULL REFERENCES "courses_challenge" ("id") DEFERRABLE INITIALLY DEFERRED, "of_class_id" bigint NOT NULL REFERENCES "classes_class" ("id") DEFERRABLE INITIALLY DEFERRED, CONSTRAINT "one_weight" UNIQUE ("of_class_id", "challenge_id"), CONSTRAINT "weight_is_not_negative" CHECK ("worth" >= '0'));
CREATE INDEX "gradebook_weight_challenge_id_7dacf302" ON "gradebook_weight" ("challenge_id");
CREATE INDEX "gradebook_weight_of_class_id_2f561a13" ON "gradebook_weight" ("of_class_id");
CREATE TABLE "gradebook_override" ("id" integer NOT NULL PRIMARY KEY AUTOINCREMENT, "kind" varchar(7) NOT NULL, "value" decimal NULL, "reason" varchar(500) NOT NULL, "at" datetime NOT NULL, "ended_at" datetime NULL, "by_id" bigint NULL REFERENCES "accounts_user" ("id") DEFERRABLE INITIALLY DEFERRED, "challenge_id" bigint NOT NULL REFERENCES "courses_challenge" ("id") DEFERRABLE INITIALLY DEFERRED, "ended_by_id" bigint NULL REFERENCES "accounts_user" ("id") DEFERRABLE INITIALLY DEFERRED, "member_id" bigint NOT NULL REFERENCES "classes_member" ("id") DEFERRABLE INITIALLY DEFERRED, "withheld" bool NOT NULL, CONSTRAINT "only_a_value_has_points" CHECK ((("kind" = 'value' AND "value" >= '0' AND "value" IS NOT NULL) OR ("kind" = 'excused' AND "value" IS NULL))), CONSTRAINT "override_has_a_reason" CHECK (NOT ("reason" = '')));
CREATE UNIQUE INDEX "one_open_override" ON "gradebook_override" ("member_id", "challenge_id") WHERE "ended_at" IS NULL;
CREATE INDEX "gradebook_override_by_id_6d74a3a5" ON "gradebook_override" ("by_id");
CREATE INDEX "gradebook_override_challenge_id_58ad8d1a" ON "gradebook_override" ("challenge_id");
CREATE INDEX "gradebook_override_ended_by_id_2d7e88b5" ON "gradebook_override" ("ended_by_id");
CREATE INDEX "gradebook_override_member_id_e147d7ab" ON "gradebook_override" ("member_id");
CREATE INDEX "withheld_overrides" ON "gradebook_override" ("challenge_id") WHERE ("ended_at" IS NULL AND "withheld");
CREATE TRIGGER gradebook_override_stays_released BEFORE UPDATE OF withheld ON gradebook_override WHEN NEW.withheld AND NOT OLD.withheld
BEGIN SELECT RAISE(ABORT, 'a grade that was shown is not withheld again'); END;
CREATE TABLE "gradebook_recount" ("of_class_id" bigint NOT NULL PRIMARY KEY REFERENCES "classes_class" ("id") DEFERRABLE INITIALLY DEFERRED, "since" datetime NOT NULL);
CREATE TABLE "gradebook_cell" ("id" integer NOT NULL PRIMARY KEY AUTOINCREMENT, "state" varchar(7) NOT NULL, "score" decimal NULL, "share" decimal NULL, "raw_share" decimal NULL, "credit" decimal NULL, "attempts" integer unsigned NOT NULL CHECK ("attempts" >= 0), "is_late" bool NOT NULL, "waits" bool NOT NULL, "challenge_id" bigint NOT NULL REFERENCES "courses_challenge" ("id") DEFERRABLE INITIALLY DEFERRED, "member_id" bigint NOT NULL REFERENCES "classes_member" ("id") DEFERRABLE INITIALLY DEFERRED, "submission_id" bigint NULL REFERENCES "submissions_submission" ("id") DEFERRABLE INITIALLY DEFERRED, "override_id" bigint NULL REFERENCES "gradebook_override" ("id") DEFERRABLE INITIALLY DEFERRED, "grader" varchar(8) NOT NULL, "submitted_at" datetime NULL, "version_id" bigint NULL REFERENCES "courses_challengeversion" ("id") DEFERRABLE INITIALLY DEFERRED, CONSTRAINT "one_cell" UNIQUE ("member_id", "challenge_id"), CONSTRAINT "a_graded_cell_has_a_share" CHECK ((("credit" IS NOT NULL AND "raw_share" IS NOT NULL AND "share" IS NOT NULL AND "state" = 'graded') OR (NOT ("state" = 'graded') AND "credit" IS NULL AND "raw_share" IS NULL AND "share" IS NULL))), CONSTRAINT "a_share_is_not_negative" CHECK (("share" IS NULL OR "share" >= '0')));
CREATE INDEX "gradebook_cell_challenge_id_64729bd5" ON "gradebook_cell" ("challenge_id");
CREATE INDEX "gradebook_cell_member_id_f473080e" ON "gradebook_cell" ("member_id");
CREATE INDEX "gradebook_cell_submission_id_6df013a6" ON "gradebook_cell" ("submission_id");
CREATE INDEX "gradebook_cell_override_id_2484267d" ON "gradebook_cell" ("override_id");
CREATE TRIGGER gradebook_override_stays BEFORE UPDATE ON gradebook_override WHEN COALESCE(CAST(NEW.challenge_id AS TEXT), '') <> COALESCE(CAST(OLD.challenge_id AS TEXT), '') OR COALESCE(CAST(NEW.kind AS TEXT), '') <> COALESCE(CAST(OLD.kind AS TEXT), '') OR COALESCE(CAST(NEW.value AS TEXT), '') <> COALESCE(CAST(OLD.value AS TEXT), '') OR COALESCE(CAST(NEW.at AS TEXT), '') <> COALESCE(CAST(OLD.at AS TEXT), '') OR (NEW.reason <> OLD.reason AND NOT (NEW.reason = '(deleted)' AND EXISTS (SELECT 1 FROM classes_member AS member JOIN accounts_user AS person
    ON person.id = member.user_id AND person.deleted_at IS NOT NULL WHERE member.id = OLD.member_id))) OR (OLD.ended_at IS NOT NULL AND (NEW.ended_at IS NULL OR NEW.ended_at <> OLD.ended_at))
BEGIN SELECT RAISE(ABORT, 'an override is only ended, and only once'); END;
CREATE TABLE "laboratory_prediction" ("id" integer NOT NULL PRIMARY KEY AUTOINCREMENT, "arm" varchar(64) NOT NULL, "probability" real NOT NULL, "outcome" real NULL, "settled_at" datetime NULL, "contribution_id" bigint NOT NULL UNIQUE REFERENCES "laboratory_contribution" ("id") DEFERRABLE INITIALLY DEFERRED, CONSTRAINT "probability_is_listed" CHECK ("probability" IN (0.5, 0.6, 0.7, 0.8, 0.9, 0.99)), CONSTRAINT "outcome_is_known_when_settled" CHECK ((("outcome" IS NULL AND "settled_at" IS NULL) OR ("outcome" IN (0.0, 0.5, 1.0) AND "outcome" IS NOT NULL AND "settled_at" IS NOT NULL))));
CREATE TRIGGER laboratory_predictions_stay BEFORE UPDATE ON laboratory_prediction WHEN OLD.outcome IS NOT NULL OR NEW.arm <> OLD.arm OR NEW.probability <> OLD.probability
OR NEW.contribution_id <> OLD.contribution_id
BEGIN SELECT RAISE(ABORT, 'a prediction stays as it was made and is settled once'); END;
CREATE TABLE "laboratory_contribution" ("id" integer NOT NULL PRIMARY KEY AUTOINCREMENT, "finding" varchar(64) NOT NULL, "content" varchar(64) NOT NULL, "number" smallint unsigned NOT NULL CHECK ("number" >= 0), "scores" text NULL CHECK ((JSON_VALID("scores") OR "scores" IS NULL)), "created_at" datetime NOT NULL, "counted_at" datetime NULL, "withdrawn_at" datetime NULL, "lesson_id" bigint NOT NULL REFERENCES "courses_lesson" ("id") DEFERRABLE INITIALLY DEFERRED, "user_id" bigint NOT NULL REFERENCES "accounts_user" ("id") DEFERRABLE INITIALLY DEFERRED, "slot_id" bigint NOT NULL UNIQUE REFERENCES "submissions_slot" ("id") DEFERRABLE INITIALLY DEFERRED, CONSTRAINT "one_contribution_of_a_set" UNIQUE ("lesson_id", "finding", "content", "number"), CONSTRAINT "scores_while_it_counts" CHECK ((("counted_at" IS NULL AND "scores" IS NULL AND "withdrawn_at" IS NULL) OR ("counted_at" IS NOT NULL AND "scores" IS NOT NULL AND "withdrawn_at" IS NULL) OR ("counted_at" IS NOT NULL AND "scores" IS NULL AND "withdrawn_at" IS NOT NULL))));
CREATE UNIQUE INDEX "one_begun_set" ON "laboratory_contribution" ("user_id", "lesson_id", "finding", "content") WHERE "counted_at" IS NULL;
CREATE INDEX "laboratory_contribution_lesson_id_53325d24" ON "laboratory_contribution" ("lesson_id");
CREATE INDEX "laboratory_contribution_user_id_39a3f0a2" ON "laboratory_contribution" ("user_id");
CREATE INDEX "dots" ON "laboratory_contribution" ("lesson_id", "counted_at") WHERE "scores" IS NOT NULL;
CREATE TABLE "lti_toolkey" ("id" integer NOT NULL PRIMARY KEY AUTOINCREMENT, "kid" varchar(64) NOT NULL UNIQUE, "public" text NOT NULL CHECK ((JSON_VALID("public") OR "public" IS NULL)), "private" text NOT NULL, "created_at" datetime NOT NULL, "signs_from" datetime NOT NULL, "retired_at" datetime NULL, CONSTRAINT "tool_key_signs_once_made" CHECK ("signs_from" >= ("created_at")), CONSTRAINT "tool_key_retires_after_signing" CHECK (("retired_at" IS NULL OR "retired_at" > ("signs_from"))));
CREATE TABLE "lti_link" ("id" integer NOT NULL PRIMARY KEY AUTOINCREMENT, "sub" varchar(255) NOT NULL, "created_at" datetime NOT NULL, "user_id" bigint NOT NULL REFERENCES "accounts_user" ("id") DEFERRABLE INITIALLY DEFERRED, "platform_id" bigint NOT NULL REFERENCES "lti_platform" ("id") DEFERRABLE INITIALLY DEFERRED, CONSTRAINT "one_account_of_a_sub" UNIQUE ("platform_id", "sub"), CONSTRAINT "link_has_a_sub" CHECK (NOT ("sub" = '')));
CREATE INDEX "lti_link_user_id_a2209a57" ON "lti_link" ("user_id");
CREATE INDEX "lti_link_platform_id_95f0a94a" ON "lti_link" ("platform_id");
CREATE TABLE "lti_launch" ("id" integer NOT NULL PRIMARY KEY AUTOINCREMENT, "nonce" varchar(64) NOT NULL UNIQUE, "secret" varchar(64) NOT NULL UNIQUE, "browser" varchar(64) NOT NULL, "message" text NULL CHECK ((JSON_VALID("message") OR "message" IS NULL)), "created_at" datetime NOT NULL, "enter_until" datetime NOT NULL, "entered_at" datetime NULL, "expires_at" datetime NOT NULL, "platform_id" bigint NOT NULL REFERENCES "lti_platform" ("id") DEFERRABLE INITIALLY DEFERRED, CONSTRAINT "launch_is_kept_while_it_can_be_entered" CHECK ("expires_at" >= ("enter_until")), CONSTRAINT "launch_forgets_its_message" CHECK (("entered_at" IS NULL OR "message" IS NULL)));
CREATE INDEX "lti_launch_expires_at_ddb2e7b8" ON "lti_launch" ("expires_at");
CREATE INDEX "lti_launch_platform_id_7492383b" ON "lti_launch" ("platform_id");
CREATE TABLE "lti_deployment" ("id" integer NOT NULL PRIMARY KEY AUTOINCREMENT, "deployment_id" varchar(255) NOT NULL, "seen_at" datetime NOT NULL, "approved_at" datetime NULL, "approved_by_id" bigint NULL REFERENCES "accounts_user" ("id") DEFERRABLE INITIALLY DEFERRED, "platform_id" bigint NOT NULL REFERENCES "lti_platform" ("id") DEFERRABLE INITIALLY DEFERRED, CONSTRAINT "one_deployment_of_an_id" UNIQUE ("platform_id", "deployment_id"), CONSTRAINT "deployment_has_an_id" CHECK (NOT ("deployment_id" = '')));
CREATE INDEX "lti_deployment_approved_by_id_27d04cc7" ON "lti_deployment" ("approved_by_id");
CREATE INDEX "lti_deployment_platform_id_8556022e" ON "lti_deployment" ("platform_id");
CREATE TABLE "lti_platform" ("id" integer NOT NULL PRIMARY KEY AUTOINCREMENT, "title" varchar(120) NOT NULL, "issuer" varchar(255) NOT NULL, "client_id" varchar(255) NOT NULL, "auth_url" varchar(500) NOT NULL, "token_url" varchar(500) NOT NULL, "keys_url" varchar(500) NOT NULL, "is_open" bool NOT NULL, "keys" text NULL CHECK ((JSON_VALID("keys") OR "keys" IS NULL)), "keys_at" datetime NULL, "asked_at" datetime NULL, "keys_fault" varchar(500) NOT NULL, "launched_at" datetime NULL, "refused_at" datetime NULL, "refusal" varchar(500) NOT NULL, "created_at" datetime NOT NULL, "created_by_id" bigint NULL REFERENCES "accounts_user" ("id") DEFERRABLE INITIALLY DEFERRED, "hosts" varchar(500) NOT NULL, "rest_fault" varchar(500) NOT NULL, "rest_until" datetime NULL, "rests" smallint unsigned NOT NULL CHECK ("rests" >= 0), CONSTRAINT "one_platform_of_a_client_id" UNIQUE ("issuer", "client_id"), CONSTRAINT "platform_is_complete" CHECK ((NOT ("title" = '') AND NOT ("issuer" = '') AND NOT ("client_id" = '') AND NOT ("auth_url" = '') AND NOT ("keys_url" = ''))));
CREATE INDEX "lti_platform_created_by_id_8fd2aa22" ON "lti_platform" ("created_by_id");
CREATE TABLE "lti_lineitem" ("id" integer NOT NULL PRIMARY KEY AUTOINCREMENT, "url" varchar(500) NOT NULL UNIQUE, "created_at" datetime NOT NULL, "looked_at" datetime NULL, "challenge_id" bigint NOT NULL REFERENCES "courses_challenge" ("id") DEFERRABLE INITIALLY DEFERRED, "context_id" bigint NOT NULL REFERENCES "lti_context" ("id") DEFERRABLE INITIALLY DEFERRED, CONSTRAINT "line_item_has_an_address" CHECK (NOT ("url" = '')));
CREATE INDEX "lti_lineitem_looked_at_034ec0f9" ON "lti_lineitem" ("looked_at");
CREATE INDEX "lti_lineitem_challenge_id_aea44ded" ON "lti_lineitem" ("challenge_id");
CREATE INDEX "lti_lineitem_context_id_0f882cee" ON "lti_lineitem" ("context_id");
CREATE TABLE "lti_delivery" ("id" integer NOT NULL PRIMARY KEY AUTOINCREMENT, "state" varchar(9) NOT NULL, "wanted" text NOT NULL CHECK ((JSON_VALID("wanted") OR "wanted" IS NULL)), "sending" text NULL CHECK ((JSON_VALID("sending") OR "sending" IS NULL)), "body" text NULL CHECK ((JSON_VALID("body") OR "body" IS NULL)), "delivered" text NULL CHECK ((JSON_VALID("delivered") OR "delivered" IS NULL)), "stamp" bigint NOT NULL, "tries" smallint unsigned NOT NULL CHECK ("tries" >= 0), "due_at" datetime NULL, "fault" varchar(500) NOT NULL, "delivered_at" datetime NULL, "link_id" bigint NOT NULL REFERENCES "lti_link" ("id") DEFERRABLE INITIALLY DEFERRED, "line_item_id" bigint NOT NULL REFERENCES "lti_lineitem" ("id") DEFERRABLE INITIALLY DEFERRED, CONSTRAINT "one_delivery_of_a_learner" UNIQUE ("line_item_id", "link_id"), CONSTRAINT "delivery_sends_what_has_a_body" CHECK ((("body" IS NULL AND "sending" IS NULL) OR ("body" IS NOT NULL AND "sending" IS NOT NULL))), CONSTRAINT "delivery_is_due_unless_sent" CHECK ((("body" IS NULL AND "due_at" IS NULL AND "state" = 'delivered') OR (NOT ("state" = 'delivered') AND "due_at" IS NOT NULL))));
CREATE INDEX "lti_delivery_due_at_a1a9e3be" ON "lti_delivery" ("due_at");
CREATE INDEX "lti_delivery_link_id_a340b57e" ON "lti_delivery" ("link_id");
CREATE INDEX "lti_delivery_line_item_id_4a1fe44d" ON "lti_delivery" ("line_item_id");
CREATE TRIGGER lti_launch_is_entered_once BEFORE UPDATE ON lti_launch WHEN OLD.entered_at IS NOT NULL OR OLD.nonce <> NEW.nonce OR OLD.browser <> NEW.browser
BEGIN SELECT RAISE(ABORT, 'a launch is entered once, by the browser that began it'); END;
CREATE TRIGGER lti_platform_stays BEFORE UPDATE ON lti_platform WHEN OLD.issuer <> NEW.issuer OR OLD.client_id <> NEW.client_id
BEGIN SELECT RAISE(ABORT, 'whose people these are never changes'); END;
CREATE TRIGGER lti_link_stays BEFORE UPDATE ON lti_link WHEN OLD.sub <> NEW.sub OR OLD.platform_id <> NEW.platform_id
BEGIN SELECT RAISE(ABORT, 'a person of a platform stays the same person'); END;
CREATE TRIGGER lti_link_not_of_closed BEFORE INSERT ON lti_link WHEN (SELECT merged_into_id FROM accounts_user WHERE id = NEW.user_id) IS NOT NULL OR (SELECT deleted_at FROM accounts_user WHERE id = NEW.user_id) IS NOT NULL
BEGIN SELECT RAISE(ABORT, 'an account that was merged or deleted gets nothing'); END;
CREATE TRIGGER lti_delivery_stamps_rise BEFORE UPDATE ON lti_delivery WHEN NEW.stamp < OLD.stamp OR (OLD.body IS NULL AND NEW.body IS NOT NULL AND NEW.stamp = OLD.stamp)
BEGIN SELECT RAISE(ABORT, 'timestamps of grades rise'); END;
CREATE TRIGGER lti_delivery_body_is_fixed BEFORE UPDATE ON lti_delivery WHEN OLD.body IS NOT NULL AND NEW.body IS NOT NULL
    AND (OLD.stamp <> NEW.stamp OR CAST(OLD.body AS TEXT) <> CAST(NEW.body AS TEXT))
BEGIN SELECT RAISE(ABORT, 'what may have arrived is sent again as it was'); END;
CREATE TABLE "lti_context" ("id" integer NOT NULL PRIMARY KEY AUTOINCREMENT, "context_id" varchar(255) NOT NULL, "title" varchar(255) NOT NULL, "seen_at" datetime NOT NULL, "of_class_id" bigint NULL UNIQUE REFERENCES "classes_class" ("id") DEFERRABLE INITIALLY DEFERRED, "deployment_id" bigint NOT NULL REFERENCES "lti_deployment" ("id") DEFERRABLE INITIALLY DEFERRED, "roster_at" datetime NULL, "roster_due_at" datetime NULL, "roster_fault" varchar(500) NOT NULL, "roster_found" text NOT NULL CHECK ((JSON_VALID("roster_found") OR "roster_found" IS NULL)), "roster_tried_at" datetime NULL, "roster_url" varchar(500) NOT NULL, CONSTRAINT "one_context_of_an_id" UNIQUE ("deployment_id", "context_id"), CONSTRAINT "context_has_an_id" CHECK (NOT ("context_id" = '')));
CREATE INDEX "lti_context_deployment_id_757220e6" ON "lti_context" ("deployment_id");
CREATE INDEX "lti_context_roster_due_at_a1e72874" ON "lti_context" ("roster_due_at");
CREATE TABLE "lti_registrationlink" ("id" integer NOT NULL PRIMARY KEY AUTOINCREMENT, "secret" varchar(64) NOT NULL UNIQUE, "created_at" datetime NOT NULL, "expires_at" datetime NOT NULL, "used_at" datetime NULL, "approved_at" datetime NULL, "created_by_id" bigint NULL REFERENCES "accounts_user" ("id") DEFERRABLE INITIALLY DEFERRED, "platform_id" bigint NULL UNIQUE REFERENCES "lti_platform" ("id") DEFERRABLE INITIALLY DEFERRED, CONSTRAINT "registration_uses_its_link" CHECK (("platform_id" IS NULL OR "used_at" IS NOT NULL)), CONSTRAINT "registration_approves_a_platform" CHECK (("approved_at" IS NULL OR "platform_id" IS NOT NULL)));
CREATE INDEX "lti_registrationlink_created_by_id_f47b9932" ON "lti_registrationlink" ("created_by_id");
CREATE TABLE "lti_deletedperson" ("id" integer NOT NULL PRIMARY KEY AUTOINCREMENT, "digest" varchar(64) NOT NULL, "platform_id" bigint NOT NULL REFERENCES "lti_platform" ("id") DEFERRABLE INITIALLY DEFERRED, CONSTRAINT "one_deleted_person_of_a_digest" UNIQUE ("platform_id", "digest"));
CREATE INDEX "lti_deletedperson_platform_id_296ce5ba" ON "lti_deletedperson" ("platform_id");
CREATE TABLE "mfa_authenticator" ("id" integer NOT NULL PRIMARY KEY AUTOINCREMENT, "type" varchar(20) NOT NULL, "data" text NOT NULL CHECK ((JSON_VALID("data") OR "data" IS NULL)), "user_id" bigint NOT NULL REFERENCES "accounts_user" ("id") DEFERRABLE INITIALLY DEFERRED, "created_at" datetime NOT NULL, "last_used_at" datetime NULL);
CREATE INDEX "mfa_authenticator_user_id_0c3a50c0" ON "mfa_authenticator" ("user_id");
CREATE UNIQUE INDEX "unique_authenticator_type" ON "mfa_authenticator" ("user_id", "type") WHERE "type" IN ('totp', 'recovery_codes');
CREATE TABLE "reports_problemreport" ("id" integer NOT NULL PRIMARY KEY AUTOINCREMENT, "track" varchar(40) NOT NULL, "what" varchar(10) NOT NULL, "text" text NOT NULL, "created_at" datetime DEFAULT (STRFTIME('%Y-%m-%d %H:%M:%f', 'NOW')) NOT NULL, "answer" text NOT NULL, "answered_at" datetime NULL, "answered_by_id" bigint NULL REFERENCES "accounts_user" ("id") DEFERRABLE INITIALLY DEFERRED, "user_id" bigint NOT NULL REFERENCES "accounts_user" ("id") DEFERRABLE INITIALLY DEFERRED, "version_id" bigint NOT NULL REFERENCES "courses_challengeversion" ("id") DEFERRABLE INITIALLY DEFERRED, "slot_id" bigint NULL UNIQUE REFERENCES "submissions_slot" ("id") DEFERRABLE INITIALLY DEFERRED, CONSTRAINT "reported_problem_is_known" CHECK ("what" IN ('task', 'sample', 'score', 'page')), CONSTRAINT "a_report_says_something" CHECK (NOT ("text" = '')), CONSTRAINT "a_report_is_short" CHECK (LENGTH("text") <= 2000), CONSTRAINT "an_answer_names_the_person" CHECK ((("answer" = '' AND "answered_at" IS NULL AND "answered_by_id" IS NULL) OR (NOT ("answer" = '') AND "answered_at" IS NOT NULL AND "answered_by_id" IS NOT NULL))));
CREATE INDEX "reports_problemreport_answered_by_id_a31d55eb" ON "reports_problemreport" ("answered_by_id");
CREATE INDEX "reports_problemreport_user_id_2bad4daa" ON "reports_problemreport" ("user_id");
CREATE INDEX "reports_problemreport_version_id_87133499" ON "reports_problemreport" ("version_id");
CREATE TABLE "notices_mailwish" ("user_id" bigint NOT NULL PRIMARY KEY REFERENCES "accounts_user" ("id") DEFERRABLE INITIALLY DEFERRED, "site" varchar(300) NOT NULL, "since" datetime DEFAULT (STRFTIME('%Y-%m-%d %H:%M:%f', 'NOW')) NOT NULL);
CREATE TABLE "notices_notice" ("id" integer NOT NULL PRIMARY KEY AUTOINCREMENT, "kind" varchar(10) NOT NULL, "created_at" datetime DEFAULT (STRFTIME('%Y-%m-%d %H:%M:%f', 'NOW')) NOT NULL, "seen_at" datetime NULL, "mailed_at" datetime NULL, "evaluation_id" bigint NULL UNIQUE REFERENCES "submissions_evaluation" ("id") DEFERRABLE INITIALLY DEFERRED, "report_id" bigint NULL UNIQUE REFERENCES "reports_problemreport" ("id") DEFERRABLE INITIALLY DEFERRED, "user_id" bigint NOT NULL REFERENCES "accounts_user" ("id") DEFERRABLE INITIALLY DEFERRED, "announcement_id" bigint NULL REFERENCES "classes_announcement" ("id") DEFERRABLE INITIALLY DEFERRED, "annulment_id" bigint NULL REFERENCES "submissions_annulment" ("id") DEFERRABLE INITIALLY DEFERRED, "mark_id" bigint NULL REFERENCES "submissions_mark" ("id") DEFERRABLE INITIALLY DEFERRED, "merge_id" bigint NULL REFERENCES "accounts_merge" ("id") DEFERRABLE INITIALLY DEFERRED, CONSTRAINT "a_notice_is_mailed_after_it_was_written" CHECK (("mailed_at" IS NULL OR "mailed_at" >= ("created_at"))), CONSTRAINT "a_notice_is_about_one_thing" CHECK ((("announcement_id" IS NULL AND "annulment_id" IS NULL AND "evaluation_id" IS NOT NULL AND "kind" IN ('graded', 'failed', 'run', 'reviewed', 'appealed', 'regraded') AND "mark_id" IS NULL AND "merge_id" IS NULL AND "report_id" IS NULL) OR ("announcement_id" IS NULL AND "annulment_id" IS NULL AND "evaluation_id" IS NULL AND "kind" IN ('answered') AND "mark_id" IS NULL AND "merge_id" IS NULL AND "report_id" IS NOT NULL) OR ("announcement_id" IS NOT NULL AND "annulment_id" IS NULL AND "evaluation_id" IS NULL AND "kind" IN ('announced') AND "mark_id" IS NULL AND "merge_id" IS NULL AND "report_id" IS NULL) OR ("announcement_id" IS NULL AND "annulment_id" IS NULL AND "evaluation_id" IS NULL AND "kind" IN ('hidden', 'restored', 'kept') AND "mark_id" IS NOT NULL AND "merge_id" IS NULL AND "report_id" IS NULL) OR ("announcement_id" IS NULL AND "annulment_id" IS NOT NULL AND "evaluation_id" IS NULL AND "kind" IN ('annulled', 'counts') AND "mark_id" IS NULL AND "merge_id" IS NULL AND "report_id" IS NULL) OR ("announcement_id" IS NULL AND "annulment_id" IS NULL AND "evaluation_id" IS NULL AND "kind" IN ('merge', 'no_merge', 'merged') AND "mark_id" IS NULL AND "merge_id" IS NOT NULL AND "report_id" IS NULL))));
CREATE UNIQUE INDEX "one_notice_of_an_announcement" ON "notices_notice" ("announcement_id", "user_id") WHERE "announcement_id" IS NOT NULL;
CREATE UNIQUE INDEX "one_notice_of_a_kind_of_a_mark" ON "notices_notice" ("mark_id", "kind") WHERE "mark_id" IS NOT NULL;
CREATE UNIQUE INDEX "one_notice_of_a_kind_of_an_annulment" ON "notices_notice" ("annulment_id", "kind") WHERE "annulment_id" IS NOT NULL;
CREATE INDEX "notices_notice_user_id_62c74e71" ON "notices_notice" ("user_id");
CREATE INDEX "notices_notice_announcement_id_6f8daafc" ON "notices_notice" ("announcement_id");
CREATE INDEX "notices_notice_annulment_id_b435c077" ON "notices_notice" ("annulment_id");
CREATE INDEX "notices_notice_mark_id_002d8fd4" ON "notices_notice" ("mark_id");
CREATE INDEX "notices_notice_merge_id_ae86f2eb" ON "notices_notice" ("merge_id");
CREATE INDEX "notices_unseen" ON "notices_notice" ("user_id") WHERE "seen_at" IS NULL;
CREATE INDEX "notices_to_mail" ON "notices_notice" ("created_at") WHERE ("mailed_at" IS NULL AND "seen_at" IS NULL);
CREATE UNIQUE INDEX "one_notice_of_a_kind_of_a_merge" ON "notices_notice" ("merge_id", "kind", "user_id") WHERE "merge_id" IS NOT NULL;
CREATE TABLE "preferences_pairchoice" ("id" integer NOT NULL PRIMARY KEY AUTOINCREMENT, "pair" varchar(64) NOT NULL, "prompt" text NOT NULL, "first" text NOT NULL, "second" text NOT NULL, "chosen" smallint unsigned NOT NULL CHECK ("chosen" >= 0), "chosen_at" datetime NOT NULL, "challenge_id" bigint NOT NULL REFERENCES "courses_challenge" ("id") DEFERRABLE INITIALLY DEFERRED, "user_id" bigint NOT NULL REFERENCES "accounts_user" ("id") DEFERRABLE INITIALLY DEFERRED, CONSTRAINT "one_choice_of_a_pair" UNIQUE ("user_id", "challenge_id", "pair"), CONSTRAINT "a_side_is_chosen_or_neither" CHECK ("chosen" IN (0, 1, 2)), CONSTRAINT "two_answers_differ" CHECK (NOT ("first" = ("second"))));
CREATE INDEX "preferences_pairchoice_challenge_id_2ed05949" ON "preferences_pairchoice" ("challenge_id");
CREATE INDEX "preferences_pairchoice_user_id_e5a5c22f" ON "preferences_pairchoice" ("user_id");
CREATE TABLE "questions_answer" ("id" integer NOT NULL PRIMARY KEY AUTOINCREMENT, "part" varchar(6) NOT NULL, "question" varchar(64) NOT NULL, "content" varchar(64) NOT NULL, "option" smallint unsigned NOT NULL CHECK ("option" >= 0), "is_right" bool NOT NULL, "created_at" datetime NOT NULL, "lesson_id" bigint NOT NULL REFERENCES "courses_lesson" ("id") DEFERRABLE INITIALLY DEFERRED, "user_id" bigint NOT NULL REFERENCES "accounts_user" ("id") DEFERRABLE INITIALLY DEFERRED, CONSTRAINT "one_answer_to_a_question" UNIQUE ("user_id", "lesson_id", "question", "content"), CONSTRAINT "part_is_known" CHECK ("part" IN ('check', 'before', 'after')));
CREATE TRIGGER questions_answer_no_update BEFORE UPDATE ON questions_answer
BEGIN SELECT RAISE(ABORT, 'an answer stays as it was given'); END;
CREATE INDEX "questions_answer_lesson_id_7159f022" ON "questions_answer" ("lesson_id");
CREATE INDEX "questions_answer_user_id_b3ad5f22" ON "questions_answer" ("user_id");
CREATE INDEX "answers_of_a_lesson" ON "questions_answer" ("lesson_id", "part");
CREATE TABLE "questions_readstep" ("id" integer NOT NULL PRIMARY KEY AUTOINCREMENT, "step" varchar(200) NOT NULL, "created_at" datetime NOT NULL, "lesson_id" bigint NOT NULL REFERENCES "courses_lesson" ("id") DEFERRABLE INITIALLY DEFERRED, "user_id" bigint NOT NULL REFERENCES "accounts_user" ("id") DEFERRABLE INITIALLY DEFERRED, CONSTRAINT "a_step_is_read_once" UNIQUE ("user_id", "lesson_id", "step"));
CREATE INDEX "questions_readstep_lesson_id_816c7930" ON "questions_readstep" ("lesson_id");
CREATE INDEX "questions_readstep_user_id_3b6d774b" ON "questions_readstep" ("user_id");
CREATE TABLE "receipts_receiptkey" ("id" integer NOT NULL PRIMARY KEY AUTOINCREMENT, "public" varchar(43) NOT NULL UNIQUE, "created_at" datetime DEFAULT (STRFTIME('%Y-%m-%d %H:%M:%f', 'NOW')) NOT NULL, CONSTRAINT "a_receipt_key_is_whole" CHECK (LENGTH("public") = 43));
CREATE TRIGGER receipts_receiptkey_no_update BEFORE UPDATE ON receipts_receiptkey
BEGIN SELECT RAISE(ABORT, 'a public key of receipts is never changed or removed'); END;
CREATE TRIGGER receipts_receiptkey_no_delete BEFORE DELETE ON receipts_receiptkey
BEGIN SELECT RAISE(ABORT, 'a public key of receipts is never changed or removed'); END;
CREATE TABLE "reviews_judgecall" ("id" integer NOT NULL PRIMARY KEY AUTOINCREMENT, "key" varchar(64) NOT NULL, "template" varchar(64) NOT NULL, "model" varchar(120) NOT NULL, "rung" varchar(20) NOT NULL, "request" text NOT NULL CHECK ((JSON_VALID("request") OR "request" IS NULL)), "response" text NOT NULL, "reply" text NULL CHECK ((JSON_VALID("reply") OR "reply" IS NULL)), "problem" varchar(200) NOT NULL, "prompt_tokens" integer unsigned NOT NULL CHECK ("prompt_tokens" >= 0), "completion_tokens" integer unsigned NOT NULL CHECK ("completion_tokens" >= 0), "seconds" real NOT NULL, "cost_micros" bigint unsigned NULL CHECK ("cost_micros" >= 0), "currency" varchar(3) NOT NULL, "created_at" datetime NOT NULL, "evaluation_id" bigint NULL REFERENCES "submissions_evaluation" ("id") DEFERRABLE INITIALLY DEFERRED);
CREATE TABLE "reviews_appeal" ("id" integer NOT NULL PRIMARY KEY AUTOINCREMENT, "text" text NOT NULL, "stage" varchar(6) NOT NULL, "outcome" varchar(7) NOT NULL, "created_at" datetime NOT NULL, "closed_at" datetime NULL, "evaluation_id" bigint NOT NULL UNIQUE REFERENCES "submissions_evaluation" ("id") DEFERRABLE INITIALLY DEFERRED, "second_id" bigint NULL UNIQUE REFERENCES "submissions_evaluation" ("id") DEFERRABLE INITIALLY DEFERRED, "submission_id" bigint NOT NULL REFERENCES "submissions_submission" ("id") DEFERRABLE INITIALLY DEFERRED, CONSTRAINT "a_closed_appeal_has_an_outcome" CHECK ((("closed_at" IS NOT NULL AND "stage" = 'closed' AND NOT ("outcome" = '')) OR (NOT ("stage" = 'closed') AND "closed_at" IS NULL AND "outcome" = ''))), CONSTRAINT "a_second_grader_has_an_evaluation" CHECK ((NOT ("stage" = 'second') OR "second_id" IS NOT NULL)));
CREATE TABLE "reviews_regrade" ("id" integer NOT NULL PRIMARY KEY AUTOINCREMENT, "note" varchar(300) NOT NULL, "left_out" text NOT NULL CHECK ((JSON_VALID("left_out") OR "left_out" IS NULL)), "started_at" datetime NOT NULL, "outcome" varchar(9) NOT NULL, "ended_at" datetime NULL, "challenge_id" bigint NOT NULL REFERENCES "courses_challenge" ("id") DEFERRABLE INITIALLY DEFERRED, "ended_by_id" bigint NULL REFERENCES "accounts_user" ("id") DEFERRABLE INITIALLY DEFERRED, "started_by_id" bigint NOT NULL REFERENCES "accounts_user" ("id") DEFERRABLE INITIALLY DEFERRED, "version_id" bigint NULL REFERENCES "courses_challengeversion" ("id") DEFERRABLE INITIALLY DEFERRED, "learner_id" bigint NULL REFERENCES "accounts_user" ("id") DEFERRABLE INITIALLY DEFERRED, CONSTRAINT "an_ended_regrade_names_the_person" CHECK ((("ended_at" IS NULL AND "ended_by_id" IS NULL AND "outcome" = '') OR ("ended_at" IS NOT NULL AND "ended_by_id" IS NOT NULL AND NOT ("outcome" = '')))));
CREATE INDEX "reviews_judgecall_key_bf2797d9" ON "reviews_judgecall" ("key");
CREATE INDEX "reviews_judgecall_evaluation_id_b20363ae" ON "reviews_judgecall" ("evaluation_id");
CREATE UNIQUE INDEX "one_open_appeal" ON "reviews_appeal" ("submission_id") WHERE "closed_at" IS NULL;
CREATE INDEX "reviews_appeal_submission_id_3c5cc616" ON "reviews_appeal" ("submission_id");
CREATE UNIQUE INDEX "one_open_regrade" ON "reviews_regrade" ("challenge_id") WHERE "ended_at" IS NULL;
CREATE INDEX "reviews_regrade_challenge_id_f8387c3c" ON "reviews_regrade" ("challenge_id");
CREATE INDEX "reviews_regrade_ended_by_id_eb205e46" ON "reviews_regrade" ("ended_by_id");
CREATE INDEX "reviews_regrade_started_by_id_aa027719" ON "reviews_regrade" ("started_by_id");
CREATE INDEX "reviews_regrade_version_id_ab41d68e" ON "reviews_regrade" ("version_id");
CREATE TABLE "reviews_regraded" ("id" integer NOT NULL PRIMARY KEY AUTOINCREMENT, "adopted_at" datetime NULL, "kept_because" varchar(20) NOT NULL, "new_id" bigint NOT NULL UNIQUE REFERENCES "submissions_evaluation" ("id") DEFERRABLE INITIALLY DEFERRED, "old_id" bigint NOT NULL REFERENCES "submissions_evaluation" ("id") DEFERRABLE INITIALLY DEFERRED, "regrade_id" bigint NOT NULL REFERENCES "reviews_regrade" ("id") DEFERRABLE INITIALLY DEFERRED, CONSTRAINT "adopted_or_kept_for_a_reason" CHECK (("adopted_at" IS NULL OR "kept_because" = '')), CONSTRAINT "regraded_once_in_a_run" UNIQUE ("regrade_id", "old_id"));
CREATE INDEX "reviews_regraded_old_id_1b03146f" ON "reviews_regraded" ("old_id");
CREATE INDEX "reviews_regraded_regrade_id_ef9bc981" ON "reviews_regraded" ("regrade_id");
CREATE TABLE "reviews_goldrow" ("id" integer NOT NULL PRIMARY KEY AUTOINCREMENT, "answer" text NOT NULL, "digest" varchar(64) NOT NULL, "marks" text NOT NULL CHECK ((JSON_VALID("marks") OR "marks" IS NULL)), "role" varchar(11) NOT NULL, "created_at" datetime NOT NULL, "challenge_id" bigint NOT NULL REFERENCES "courses_challenge" ("id") DEFERRABLE INITIALLY DEFERRED, "created_by_id" bigint NOT NULL REFERENCES "accounts_user" ("id") DEFERRABLE INITIALLY DEFERRED, "review_id" bigint NULL UNIQUE REFERENCES "reviews_review" ("id") DEFERRABLE INITIALLY DEFERRED, "consent_id" bigint NULL REFERENCES "reviews_goldconsent" ("id") DEFERRABLE INITIALLY DEFERRED, "quoted" text NULL CHECK ((JSON_VALID("quoted") OR "quoted" IS NULL)), CONSTRAINT "an_answer_is_gold_once" UNIQUE ("challenge_id", "digest"), CONSTRAINT "gold_role_is_known" CHECK ("role" IN ('prompt', 'calibration', 'test')));
CREATE INDEX "reviews_goldrow_challenge_id_a7b5e976" ON "reviews_goldrow" ("challenge_id");
CREATE INDEX "reviews_goldrow_created_by_id_9da2d832" ON "reviews_goldrow" ("created_by_id");
CREATE TABLE "reviews_budget" ("id" integer NOT NULL PRIMARY KEY AUTOINCREMENT, "day" date NOT NULL, "spent" integer unsigned NOT NULL CHECK ("spent" >= 0), "allowed" integer unsigned NOT NULL CHECK ("allowed" >= 0), "spent_micros" bigint unsigned NOT NULL CHECK ("spent_micros" >= 0), "allowed_micros" bigint unsigned NULL CHECK ("allowed_micros" >= 0), "scope" varchar(160) NOT NULL, CONSTRAINT "one_budget" UNIQUE ("scope", "day"), CONSTRAINT "within_budget" CHECK ("spent" <= ("allowed")), CONSTRAINT "within_money" CHECK (("allowed_micros" IS NULL OR "spent_micros" <= ("allowed_micros"))));
CREATE TABLE "reviews_questionsettings" ("id" integer NOT NULL PRIMARY KEY AUTOINCREMENT, "blind" bool DEFAULT 0 NOT NULL, "challenge_id" bigint NOT NULL UNIQUE REFERENCES "courses_challenge" ("id") DEFERRABLE INITIALLY DEFERRED);
CREATE TABLE "reviews_goldconsent" ("id" integer NOT NULL PRIMARY KEY AUTOINCREMENT, "given_at" datetime NOT NULL, "revoked_at" datetime NULL, "challenge_id" bigint NOT NULL REFERENCES "courses_challenge" ("id") DEFERRABLE INITIALLY DEFERRED, "given_by_id" bigint NOT NULL REFERENCES "accounts_user" ("id") DEFERRABLE INITIALLY DEFERRED, "revoked_by_id" bigint NULL REFERENCES "accounts_user" ("id") DEFERRABLE INITIALLY DEFERRED, CONSTRAINT "a_revocation_has_a_person" CHECK ((("revoked_at" IS NULL AND "revoked_by_id" IS NULL) OR ("revoked_at" IS NOT NULL AND "revoked_by_id" IS NOT NULL))));
CREATE INDEX "reviews_goldrow_consent_id_f5c4474a" ON "reviews_goldrow" ("consent_id");
CREATE UNIQUE INDEX "one_standing_consent" ON "reviews_goldconsent" ("challenge_id") WHERE "revoked_at" IS NULL;
CREATE INDEX "reviews_goldconsent_challenge_id_50f45f88" ON "reviews_goldconsent" ("challenge_id");
CREATE INDEX "reviews_goldconsent_given_by_id_5bf8aba2" ON "reviews_goldconsent" ("given_by_id");
CREATE INDEX "reviews_goldconsent_revoked_by_id_f7fe0201" ON "reviews_goldconsent" ("revoked_by_id");
CREATE TRIGGER reviews_goldrow_needs_consent BEFORE INSERT ON reviews_goldrow
WHEN NEW.consent_id IS NOT NULL AND NOT EXISTS (SELECT 1 FROM reviews_goldconsent WHERE id = NEW.consent_id AND challenge_id = NEW.challenge_id AND revoked_at IS NULL)
BEGIN SELECT RAISE(ABORT, 'a gold row is made by itself only while an editor consents'); END;
CREATE TRIGGER reviews_goldrow_keeps_consent BEFORE UPDATE ON reviews_goldrow
WHEN NEW.consent_id IS NOT OLD.consent_id
BEGIN SELECT RAISE(ABORT, 'a gold row is made by itself only while an editor consents'); END;
CREATE TABLE "reviews_snippet" ("id" integer NOT NULL PRIMARY KEY AUTOINCREMENT, "name" varchar(60) NOT NULL, "text" text NOT NULL, "course_id" bigint NULL REFERENCES "courses_course" ("id") DEFERRABLE INITIALLY DEFERRED, "user_id" bigint NOT NULL REFERENCES "accounts_user" ("id") DEFERRABLE INITIALLY DEFERRED, CONSTRAINT "one_snippet_by_name" UNIQUE ("user_id", "name"), CONSTRAINT "a_snippet_has_name_and_text" CHECK ((NOT ("name" = '') AND NOT ("text" = ''))));
CREATE INDEX "reviews_snippet_course_id_e61e74b6" ON "reviews_snippet" ("course_id");
CREATE INDEX "reviews_snippet_user_id_8d5f7f73" ON "reviews_snippet" ("user_id");
CREATE INDEX "reviews_regrade_learner_id_f81719ec" ON "reviews_regrade" ("learner_id");
CREATE TRIGGER reviews_judgecall_stays BEFORE DELETE ON reviews_judgecall
WHEN EXISTS (SELECT 1 FROM submissions_evaluation WHERE id = OLD.evaluation_id)
BEGIN SELECT RAISE(ABORT, 'a logged call stays with its evaluation'); END;
CREATE TABLE "reviews_review" ("id" integer NOT NULL PRIMARY KEY AUTOINCREMENT, "kind" varchar(6) NOT NULL, "reasons" text NOT NULL CHECK ((JSON_VALID("reasons") OR "reasons" IS NULL)), "predicted" real NULL, "place" real NOT NULL, "judge" varchar(120) NOT NULL, "language" varchar(8) NOT NULL, "opened_at" datetime NOT NULL, "blind_marks" text NULL CHECK ((JSON_VALID("blind_marks") OR "blind_marks" IS NULL)), "blind_at" datetime NULL, "decided_at" datetime NULL, "marks" text NOT NULL CHECK ((JSON_VALID("marks") OR "marks" IS NULL)), "reason" text NOT NULL, "blind_by_id" bigint NULL REFERENCES "accounts_user" ("id") DEFERRABLE INITIALLY DEFERRED, "decided_by_id" bigint NULL REFERENCES "accounts_user" ("id") DEFERRABLE INITIALLY DEFERRED, "evaluation_id" bigint NOT NULL UNIQUE REFERENCES "submissions_evaluation" ("id") DEFERRABLE INITIALLY DEFERRED, "submission_id" bigint NOT NULL REFERENCES "submissions_submission" ("id") DEFERRABLE INITIALLY DEFERRED, "blind" bool DEFAULT 0 NOT NULL, "certainty" real NULL, "in_bulk" bool DEFAULT 0 NOT NULL, "lock_slot" smallint unsigned NULL CHECK ("lock_slot" >= 0), "locked_by_id" bigint NULL REFERENCES "accounts_user" ("id") DEFERRABLE INITIALLY DEFERRED, "locked_until" datetime NULL, "withdrawn_at" datetime NULL, "comment" text DEFAULT '' NOT NULL, "follows_id" bigint NULL REFERENCES "reviews_review" ("id") DEFERRABLE INITIALLY DEFERRED, CONSTRAINT "a_decision_has_a_person" CHECK ((("decided_at" IS NULL AND "decided_by_id" IS NULL) OR ("decided_at" IS NOT NULL AND "decided_by_id" IS NOT NULL))), CONSTRAINT "blind_marks_have_a_person" CHECK ((("blind_at" IS NULL AND "blind_by_id" IS NULL AND "blind_marks" IS NULL) OR ("blind_at" IS NOT NULL AND "blind_by_id" IS NOT NULL AND "blind_marks" IS NOT NULL))), CONSTRAINT "an_audit_is_marked_blind_first" CHECK ((NOT ("kind" = 'audit') OR "decided_at" IS NULL OR "blind_at" IS NOT NULL)), CONSTRAINT "a_blind_review_is_marked_blind_first" CHECK ((NOT "blind" OR "decided_at" IS NULL OR "blind_at" IS NOT NULL)), CONSTRAINT "a_lock_has_an_end_and_a_slot" CHECK (("locked_by_id" IS NULL OR ("lock_slot" >= 1 AND "lock_slot" IS NOT NULL AND "lock_slot" <= 10 AND "locked_until" IS NOT NULL))), CONSTRAINT "one_lock_in_a_slot" UNIQUE ("locked_by_id", "lock_slot"), CONSTRAINT "a_decided_review_is_not_locked" CHECK (("decided_at" IS NULL OR "locked_by_id" IS NULL)), CONSTRAINT "only_a_plain_review_is_accepted_in_bulk" CHECK ((NOT "in_bulk" OR (NOT "blind" AND "decided_at" IS NOT NULL AND "kind" = 'review'))), CONSTRAINT "stated_certainty_is_a_probability" CHECK (("certainty" IS NULL OR ("certainty" >= 0.0 AND "certainty" <= 1.0))), CONSTRAINT "decided_or_withdrawn" CHECK (("decided_at" IS NULL OR "withdrawn_at" IS NULL)), CONSTRAINT "an_audit_neither_follows_nor_is_withdrawn" CHECK ((NOT ("kind" = 'audit') OR ("follows_id" IS NULL AND "withdrawn_at" IS NULL))), CONSTRAINT "nothing_follows_itself" CHECK (NOT ("follows_id" = ("id") AND "follows_id" IS NOT NULL)), CONSTRAINT "only_what_waits_is_locked" CHECK (("locked_by_id" IS NULL OR ("follows_id" IS NULL AND "withdrawn_at" IS NULL))), CONSTRAINT "only_a_plain_review_has_no_estimate" CHECK (("predicted" IS NOT NULL OR (NOT "in_bulk" AND "kind" = 'review'))));
CREATE INDEX "reviews_review_blind_by_id_3341e042" ON "reviews_review" ("blind_by_id");
CREATE INDEX "reviews_review_decided_by_id_3cef9831" ON "reviews_review" ("decided_by_id");
CREATE INDEX "reviews_review_submission_id_d1de41e7" ON "reviews_review" ("submission_id");
CREATE INDEX "reviews_review_locked_by_id_1a6b4d35" ON "reviews_review" ("locked_by_id");
CREATE INDEX "reviews_review_follows_id_7874e5a2" ON "reviews_review" ("follows_id");
CREATE TRIGGER reviews_blind_marks_is_final BEFORE UPDATE ON reviews_review
WHEN OLD.blind_at IS NOT NULL AND (NEW.blind_at IS NOT OLD.blind_at OR NEW.blind_by_id IS NOT OLD.blind_by_id OR NEW.blind_marks IS NOT OLD.blind_marks)
BEGIN SELECT RAISE(ABORT, 'a decision is never changed'); END;
CREATE TRIGGER reviews_decision_is_final BEFORE UPDATE ON reviews_review WHEN OLD.decided_at IS NOT NULL AND (COALESCE(CAST(NEW.decided_at AS TEXT), '') <> COALESCE(CAST(OLD.decided_at AS TEXT), '') OR COALESCE(CAST(NEW.decided_by_id AS TEXT), '') <> COALESCE(CAST(OLD.decided_by_id AS TEXT), '') OR COALESCE(CAST(NEW.marks AS TEXT), '') <> COALESCE(CAST(OLD.marks AS TEXT), '') OR COALESCE(CAST(NEW.in_bulk AS TEXT), '') <> COALESCE(CAST(OLD.in_bulk AS TEXT), '') OR ((COALESCE(CAST(NEW.reason AS TEXT), '') <> COALESCE(CAST(OLD.reason AS TEXT), '') OR COALESCE(CAST(NEW.comment AS TEXT), '') <> COALESCE(CAST(OLD.comment AS TEXT), '')) AND NOT (NEW.reason = '' AND NEW.comment = '' AND EXISTS (SELECT 1 FROM submissions_submission AS attempt
    JOIN accounts_user AS person ON person.id = attempt.user_id AND person.deleted_at IS NOT NULL
    WHERE attempt.id = OLD.submission_id))))
BEGIN SELECT RAISE(ABORT, 'a decision is never changed'); END;
CREATE TRIGGER reviews_judgecall_never_changes BEFORE UPDATE ON reviews_judgecall WHEN COALESCE(CAST(NEW.id AS TEXT), '') <> COALESCE(CAST(OLD.id AS TEXT), '') OR COALESCE(CAST(NEW.evaluation_id AS TEXT), '') <> COALESCE(CAST(OLD.evaluation_id AS TEXT), '') OR COALESCE(CAST(NEW.template AS TEXT), '') <> COALESCE(CAST(OLD.template AS TEXT), '') OR COALESCE(CAST(NEW.model AS TEXT), '') <> COALESCE(CAST(OLD.model AS TEXT), '') OR COALESCE(CAST(NEW.rung AS TEXT), '') <> COALESCE(CAST(OLD.rung AS TEXT), '') OR COALESCE(CAST(NEW.prompt_tokens AS TEXT), '') <> COALESCE(CAST(OLD.prompt_tokens AS TEXT), '') OR COALESCE(CAST(NEW.completion_tokens AS TEXT), '') <> COALESCE(CAST(OLD.completion_tokens AS TEXT), '') OR COALESCE(CAST(NEW.seconds AS TEXT), '') <> COALESCE(CAST(OLD.seconds AS TEXT), '') OR COALESCE(CAST(NEW.cost_micros AS TEXT), '') <> COALESCE(CAST(OLD.cost_micros AS TEXT), '') OR COALESCE(CAST(NEW.currency AS TEXT), '') <> COALESCE(CAST(OLD.currency AS TEXT), '') OR COALESCE(CAST(NEW.created_at AS TEXT), '') <> COALESCE(CAST(OLD.created_at AS TEXT), '') OR NOT (CAST(NEW.request AS TEXT) = '{}' AND NEW.response = '' AND NEW.reply IS NULL AND NEW.problem = ''
    AND NEW.key = '' AND EXISTS (SELECT 1 FROM submissions_evaluation AS graded
    JOIN submissions_submission AS attempt ON attempt.id = graded.submission_id
    JOIN accounts_user AS person ON person.id = attempt.user_id AND person.deleted_at IS NOT NULL
    WHERE graded.id = OLD.evaluation_id))
BEGIN SELECT RAISE(ABORT, 'a logged call is never changed'); END;
CREATE TABLE "django_session" ("session_key" varchar(40) NOT NULL PRIMARY KEY, "session_data" text NOT NULL, "expire_date" datetime NOT NULL);
CREATE INDEX "django_session_expire_date_a5c62663" ON "django_session" ("expire_date");
CREATE TABLE "socialaccount_socialapp" ("id" integer NOT NULL PRIMARY KEY AUTOINCREMENT, "provider" varchar(30) NOT NULL, "name" varchar(40) NOT NULL, "client_id" varchar(191) NOT NULL, "secret" varchar(191) NOT NULL, "key" varchar(191) NOT NULL, "provider_id" varchar(200) NOT NULL, "settings" text NOT NULL CHECK ((JSON_VALID("settings") OR "settings" IS NULL)));
CREATE TABLE "socialaccount_socialtoken" ("id" integer NOT NULL PRIMARY KEY AUTOINCREMENT, "token" text NOT NULL, "token_secret" text NOT NULL, "expires_at" datetime NULL, "account_id" integer NOT NULL REFERENCES "socialaccount_socialaccount" ("id") DEFERRABLE INITIALLY DEFERRED, "app_id" integer NULL REFERENCES "socialaccount_socialapp" ("id") DEFERRABLE INITIALLY DEFERRED);
CREATE UNIQUE INDEX "socialaccount_socialtoken_app_id_account_id_fca4e0ac_uniq" ON "socialaccount_socialtoken" ("app_id", "account_id");
CREATE INDEX "socialaccount_socialtoken_account_id_951f210e" ON "socialaccount_socialtoken" ("account_id");
CREATE INDEX "socialaccount_socialtoken_app_id_636a42d7" ON "socialaccount_socialtoken" ("app_id");
CREATE TABLE "socialaccount_socialaccount" ("id" integer NOT NULL PRIMARY KEY AUTOINCREMENT, "provider" varchar(200) NOT NULL, "uid" varchar(191) NOT NULL, "last_login" datetime NOT NULL, "date_joined" datetime NOT NULL, "user_id" bigint NOT NULL REFERENCES "accounts_user" ("id") DEFERRABLE INITIALLY DEFERRED, "extra_data" text NOT NULL CHECK ((JSON_VALID("extra_data") OR "extra_data" IS NULL)));
CREATE UNIQUE INDEX "socialaccount_socialaccount_provider_uid_fc810c6e_uniq" ON "socialaccount_socialaccount" ("provider", "uid");
CREATE INDEX "socialaccount_socialaccount_user_id_8146e70c" ON "socialaccount_socialaccount" ("user_id");
CREATE TABLE "sign_in_lastrefusal" ("id" integer NOT NULL PRIMARY KEY AUTOINCREMENT, "provider" varchar(40) NOT NULL UNIQUE, "at" datetime NOT NULL, "code" varchar(20) NOT NULL, "detail" varchar(200) NOT NULL);
CREATE TRIGGER sign_in_account_begins_not_guest BEFORE INSERT ON socialaccount_socialaccount WHEN EXISTS (SELECT 1 FROM accounts_user WHERE id = NEW.user_id AND is_guest)
BEGIN SELECT RAISE(ABORT, 'a visitor has no account at a provider'); END;
CREATE TRIGGER sign_in_account_moves_not_guest BEFORE UPDATE OF user_id ON socialaccount_socialaccount WHEN EXISTS (SELECT 1 FROM accounts_user WHERE id = NEW.user_id AND is_guest)
BEGIN SELECT RAISE(ABORT, 'a visitor has no account at a provider'); END;
CREATE TRIGGER sign_in_account_begins_not_closed BEFORE INSERT ON socialaccount_socialaccount WHEN (SELECT merged_into_id FROM accounts_user WHERE id = NEW.user_id) IS NOT NULL
BEGIN SELECT RAISE(ABORT, 'an account that was merged gets nothing'); END;
CREATE TRIGGER sign_in_account_moves_not_closed BEFORE UPDATE OF user_id ON socialaccount_socialaccount WHEN (SELECT merged_into_id FROM accounts_user WHERE id = NEW.user_id) IS NOT NULL
BEGIN SELECT RAISE(ABORT, 'an account that was merged gets nothing'); END;
CREATE TRIGGER sign_in_account_stays BEFORE UPDATE OF provider, uid ON socialaccount_socialaccount WHEN OLD.provider <> NEW.provider OR OLD.uid <> NEW.uid
BEGIN SELECT RAISE(ABORT, 'an account at a provider stays the same one'); END;
CREATE TABLE "studio_edit" ("id" integer NOT NULL PRIMARY KEY AUTOINCREMENT, "path" varchar(400) NOT NULL, "text" text NOT NULL, "is_removed" bool NOT NULL, "base" varchar(64) NOT NULL, "revision" integer unsigned NOT NULL CHECK ("revision" >= 0), "edited_at" datetime NOT NULL, "course_id" bigint NOT NULL REFERENCES "courses_course" ("id") DEFERRABLE INITIALLY DEFERRED, "edited_by_id" bigint NULL REFERENCES "accounts_user" ("id") DEFERRABLE INITIALLY DEFERRED, CONSTRAINT "one_edit_of_a_file" UNIQUE ("course_id", "path"), CONSTRAINT "a_removed_file_has_no_text" CHECK ((NOT "is_removed" OR "text" = '')), CONSTRAINT "what_is_removed_was_there" CHECK ((NOT "is_removed" OR NOT ("base" = ''))), CONSTRAINT "an_edit_names_its_file" CHECK (NOT ("path" = '')));
CREATE INDEX "studio_edit_course_id_aec3dc1b" ON "studio_edit" ("course_id");
CREATE INDEX "studio_edit_edited_by_id_e3aaf6c8" ON "studio_edit" ("edited_by_id");
CREATE TABLE "teach_invitation" ("id" integer NOT NULL PRIMARY KEY AUTOINCREMENT, "email" varchar(254) NOT NULL, "content" varchar(9) NOT NULL, "learner_data" varchar(6) NOT NULL, "digest" varchar(64) NOT NULL UNIQUE, "created_at" datetime NOT NULL, "expires_at" datetime NOT NULL, "accepted_at" datetime NULL, "withdrawn_at" datetime NULL, "accepted_by_id" bigint NULL REFERENCES "accounts_user" ("id") DEFERRABLE INITIALLY DEFERRED, "course_id" bigint NOT NULL REFERENCES "courses_course" ("id") DEFERRABLE INITIALLY DEFERRED, "invited_by_id" bigint NULL REFERENCES "accounts_user" ("id") DEFERRABLE INITIALLY DEFERRED, CONSTRAINT "invited_to_a_content_level" CHECK ("content" IN ('none', 'previewer', 'viewer', 'editor', 'owner')), CONSTRAINT "invited_to_a_data_level" CHECK ("learner_data" IN ('none', 'viewer', 'editor')), CONSTRAINT "invited_to_some_level" CHECK (NOT ("content" = 'none' AND "learner_data" = 'none')), CONSTRAINT "accepted_or_withdrawn" CHECK (("accepted_at" IS NULL OR "withdrawn_at" IS NULL)), CONSTRAINT "invitation_ends_after_it_was_made" CHECK ("expires_at" > ("created_at")));
CREATE UNIQUE INDEX "one_standing_invitation" ON "teach_invitation" ((LOWER("email")), "course_id") WHERE ("accepted_at" IS NULL AND "withdrawn_at" IS NULL);
CREATE INDEX "teach_invitation_accepted_by_id_54416e76" ON "teach_invitation" ("accepted_by_id");
CREATE INDEX "teach_invitation_course_id_ca8fe9d9" ON "teach_invitation" ("course_id");
CREATE INDEX "teach_invitation_invited_by_id_482d5e86" ON "teach_invitation" ("invited_by_id");
CREATE TRIGGER accounts_apitoken_not_of_merged BEFORE INSERT ON accounts_apitoken WHEN (SELECT merged_into_id FROM accounts_user WHERE id = NEW.user_id) IS NOT NULL
BEGIN SELECT RAISE(ABORT, 'an account that was merged gets nothing'); END;
CREATE TRIGGER accounts_enrolment_not_of_merged BEFORE INSERT ON accounts_enrolment WHEN (SELECT merged_into_id FROM accounts_user WHERE id = NEW.user_id) IS NOT NULL
BEGIN SELECT RAISE(ABORT, 'an account that was merged gets nothing'); END;
CREATE TRIGGER classes_member_not_of_merged BEFORE INSERT ON classes_member WHEN (SELECT merged_into_id FROM accounts_user WHERE id = NEW.user_id) IS NOT NULL
BEGIN SELECT RAISE(ABORT, 'an account that was merged gets nothing'); END;
CREATE TRIGGER submissions_submission_not_of_merged BEFORE INSERT ON submissions_submission WHEN (SELECT merged_into_id FROM accounts_user WHERE id = NEW.user_id) IS NOT NULL
BEGIN SELECT RAISE(ABORT, 'an account that was merged gets nothing'); END;
CREATE TRIGGER submissions_run_not_of_merged BEFORE INSERT ON submissions_run WHEN (SELECT merged_into_id FROM accounts_user WHERE id = NEW.user_id) IS NOT NULL
BEGIN SELECT RAISE(ABORT, 'an account that was merged gets nothing'); END;
CREATE TRIGGER submissions_mark_not_of_merged BEFORE INSERT ON submissions_mark WHEN (SELECT merged_into_id FROM accounts_user WHERE id = NEW.user_id) IS NOT NULL
BEGIN SELECT RAISE(ABORT, 'an account that was merged gets nothing'); END;
CREATE TRIGGER submissions_standing_not_of_merged BEFORE INSERT ON submissions_standing WHEN (SELECT merged_into_id FROM accounts_user WHERE id = NEW.user_id) IS NOT NULL
BEGIN SELECT RAISE(ABORT, 'an account that was merged gets nothing'); END;
CREATE TRIGGER submissions_slot_not_of_merged BEFORE INSERT ON submissions_slot WHEN (SELECT merged_into_id FROM accounts_user WHERE id = NEW.user_id) IS NOT NULL
BEGIN SELECT RAISE(ABORT, 'an account that was merged gets nothing'); END;
CREATE TRIGGER submissions_hintstaken_not_of_merged BEFORE INSERT ON submissions_hintstaken WHEN (SELECT merged_into_id FROM accounts_user WHERE id = NEW.user_id) IS NOT NULL
BEGIN SELECT RAISE(ABORT, 'an account that was merged gets nothing'); END;
CREATE TRIGGER notices_notice_not_of_merged BEFORE INSERT ON notices_notice WHEN (SELECT merged_into_id FROM accounts_user WHERE id = NEW.user_id) IS NOT NULL
BEGIN SELECT RAISE(ABORT, 'an account that was merged gets nothing'); END;
CREATE TRIGGER notices_mailwish_not_of_merged BEFORE INSERT ON notices_mailwish WHEN (SELECT merged_into_id FROM accounts_user WHERE id = NEW.user_id) IS NOT NULL
BEGIN SELECT RAISE(ABORT, 'an account that was merged gets nothing'); END;
CREATE TRIGGER chats_chatmessage_not_of_merged BEFORE INSERT ON chats_chatmessage WHEN (SELECT merged_into_id FROM accounts_user WHERE id = NEW.user_id) IS NOT NULL
BEGIN SELECT RAISE(ABORT, 'an account that was merged gets nothing'); END;
CREATE TRIGGER reports_problemreport_not_of_merged BEFORE INSERT ON reports_problemreport WHEN (SELECT merged_into_id FROM accounts_user WHERE id = NEW.user_id) IS NOT NULL
BEGIN SELECT RAISE(ABORT, 'an account that was merged gets nothing'); END;
CREATE TRIGGER laboratory_contribution_not_of_merged BEFORE INSERT ON laboratory_contribution WHEN (SELECT merged_into_id FROM accounts_user WHERE id = NEW.user_id) IS NOT NULL
BEGIN SELECT RAISE(ABORT, 'an account that was merged gets nothing'); END;
CREATE TRIGGER questions_answer_not_of_merged BEFORE INSERT ON questions_answer WHEN (SELECT merged_into_id FROM accounts_user WHERE id = NEW.user_id) IS NOT NULL
BEGIN SELECT RAISE(ABORT, 'an account that was merged gets nothing'); END;
CREATE TRIGGER questions_readstep_not_of_merged BEFORE INSERT ON questions_readstep WHEN (SELECT merged_into_id FROM accounts_user WHERE id = NEW.user_id) IS NOT NULL
BEGIN SELECT RAISE(ABORT, 'an account that was merged gets nothing'); END;
CREATE TRIGGER preferences_pairchoice_not_of_merged BEFORE INSERT ON preferences_pairchoice WHEN (SELECT merged_into_id FROM accounts_user WHERE id = NEW.user_id) IS NOT NULL
BEGIN SELECT RAISE(ABORT, 'an account that was merged gets nothing'); END;
CREATE TRIGGER friends_friendcode_not_of_merged BEFORE INSERT ON friends_friendcode WHEN (SELECT merged_into_id FROM accounts_user WHERE id = NEW.user_id) IS NOT NULL
BEGIN SELECT RAISE(ABORT, 'an account that was merged gets nothing'); END;
CREATE TRIGGER friends_asker_is_not_merged BEFORE INSERT ON friends_friendship WHEN (SELECT merged_into_id FROM accounts_user WHERE id = NEW.asker_id) IS NOT NULL
BEGIN SELECT RAISE(ABORT, 'an account that was merged gets nothing'); END;
CREATE TRIGGER friends_asked_is_not_merged BEFORE INSERT ON friends_friendship WHEN (SELECT merged_into_id FROM accounts_user WHERE id = NEW.asked_id) IS NOT NULL
BEGIN SELECT RAISE(ABORT, 'an account that was merged gets nothing'); END;
CREATE TRIGGER classes_member_moves_not BEFORE UPDATE OF user_id ON classes_member WHEN (SELECT merged_into_id FROM accounts_user WHERE id = NEW.user_id) IS NOT NULL
BEGIN SELECT RAISE(ABORT, 'an account that was merged gets nothing'); END;
insert into django_migrations (app, name, applied) values ('courses', '0001_initial', current_timestamp);
insert into django_migrations (app, name, applied) values ('contenttypes', '0001_initial', current_timestamp);
insert into django_migrations (app, name, applied) values ('contenttypes', '0002_remove_content_type_name', current_timestamp);
insert into django_migrations (app, name, applied) values ('auth', '0001_initial', current_timestamp);
insert into django_migrations (app, name, applied) values ('auth', '0002_alter_permission_name_max_length', current_timestamp);
insert into django_migrations (app, name, applied) values ('auth', '0003_alter_user_email_max_length', current_timestamp);
insert into django_migrations (app, name, applied) values ('auth', '0004_alter_user_username_opts', current_timestamp);
insert into django_migrations (app, name, applied) values ('auth', '0005_alter_user_last_login_null', current_timestamp);
insert into django_migrations (app, name, applied) values ('auth', '0006_require_contenttypes_0002', current_timestamp);
insert into django_migrations (app, name, applied) values ('auth', '0007_alter_validators_add_error_messages', current_timestamp);
insert into django_migrations (app, name, applied) values ('auth', '0008_alter_user_username_max_length', current_timestamp);
insert into django_migrations (app, name, applied) values ('auth', '0009_alter_user_last_name_max_length', current_timestamp);
insert into django_migrations (app, name, applied) values ('auth', '0010_alter_group_name_max_length', current_timestamp);
insert into django_migrations (app, name, applied) values ('auth', '0011_update_proxy_permissions', current_timestamp);
insert into django_migrations (app, name, applied) values ('auth', '0012_alter_user_first_name_max_length', current_timestamp);
insert into django_migrations (app, name, applied) values ('accounts', '0001_initial', current_timestamp);
insert into django_migrations (app, name, applied) values ('account', '0001_initial', current_timestamp);
insert into django_migrations (app, name, applied) values ('account', '0002_email_max_length', current_timestamp);
insert into django_migrations (app, name, applied) values ('account', '0003_alter_emailaddress_create_unique_verified_email', current_timestamp);
insert into django_migrations (app, name, applied) values ('account', '0004_alter_emailaddress_drop_unique_email', current_timestamp);
insert into django_migrations (app, name, applied) values ('account', '0005_emailaddress_idx_upper_email', current_timestamp);
insert into django_migrations (app, name, applied) values ('account', '0006_emailaddress_lower', current_timestamp);
insert into django_migrations (app, name, applied) values ('account', '0007_emailaddress_idx_email', current_timestamp);
insert into django_migrations (app, name, applied) values ('account', '0008_emailaddress_unique_primary_email_fixup', current_timestamp);
insert into django_migrations (app, name, applied) values ('account', '0009_emailaddress_unique_primary_email', current_timestamp);
insert into django_migrations (app, name, applied) values ('courses', '0002_count_scored_rows', current_timestamp);
insert into django_migrations (app, name, applied) values ('courses', '0003_ids_within_a_course_and_kept_outcomes', current_timestamp);
insert into django_migrations (app, name, applied) values ('courses', '0004_number_the_rules_of_the_gate', current_timestamp);
insert into django_migrations (app, name, applied) values ('courses', '0005_shut_gates_of_earlier_rules', current_timestamp);
insert into django_migrations (app, name, applied) values ('courses', '0006_earlier_rules_open_no_gate', current_timestamp);
insert into django_migrations (app, name, applied) values ('courses', '0007_let_all_attempts_wait', current_timestamp);
insert into django_migrations (app, name, applied) values ('accounts', '0002_note_answered_reports', current_timestamp);
insert into django_migrations (app, name, applied) values ('accounts', '0003_counts_without_redis', current_timestamp);
insert into django_migrations (app, name, applied) values ('accounts', '0004_last_visits_of_guests', current_timestamp);
insert into django_migrations (app, name, applied) values ('accounts', '0005_note_locks_and_settings', current_timestamp);
insert into django_migrations (app, name, applied) values ('accounts', '0006_levels', current_timestamp);
insert into django_migrations (app, name, applied) values ('accounts', '0007_levels_of_roles', current_timestamp);
insert into django_migrations (app, name, applied) values ('accounts', '0008_one_role_on_two_axes', current_timestamp);
insert into django_migrations (app, name, applied) values ('accounts', '0009_boards_without_writers', current_timestamp);
insert into django_migrations (app, name, applied) values ('accounts', '0010_note_begun_boards', current_timestamp);
insert into django_migrations (app, name, applied) values ('accounts', '0011_note_classes', current_timestamp);
insert into django_migrations (app, name, applied) values ('accounts', '0012_acts_by_function', current_timestamp);
insert into django_migrations (app, name, applied) values ('accounts', '0013_delete_accounts', current_timestamp);
insert into django_migrations (app, name, applied) values ('accounts', '0014_names_in_the_admin', current_timestamp);
insert into django_migrations (app, name, applied) values ('accounts', '0015_merge_accounts', current_timestamp);
insert into django_migrations (app, name, applied) values ('accounts', '0016_lost_addresses', current_timestamp);
insert into django_migrations (app, name, applied) values ('accounts', '0017_second_factors', current_timestamp);
insert into django_migrations (app, name, applied) values ('admin', '0001_initial', current_timestamp);
insert into django_migrations (app, name, applied) values ('admin', '0002_logentry_remove_auto_add', current_timestamp);
insert into django_migrations (app, name, applied) values ('admin', '0003_logentry_add_action_flag_choices', current_timestamp);
insert into django_migrations (app, name, applied) values ('submissions', '0001_initial', current_timestamp);
insert into django_migrations (app, name, applied) values ('submissions', '0002_engine_choices', current_timestamp);
insert into django_migrations (app, name, applied) values ('submissions', '0003_name_runs', current_timestamp);
insert into django_migrations (app, name, applied) values ('submissions', '0004_what_workers_lack', current_timestamp);
insert into django_migrations (app, name, applied) values ('submissions', '0005_chats_beside_runs', current_timestamp);
insert into django_migrations (app, name, applied) values ('submissions', '0006_measure_costs', current_timestamp);
insert into django_migrations (app, name, applied) values ('submissions', '0007_plain_plurals', current_timestamp);
insert into django_migrations (app, name, applied) values ('submissions', '0008_keep_what_is_trained', current_timestamp);
insert into django_migrations (app, name, applied) values ('submissions', '0009_limit_networks_and_measurements', current_timestamp);
insert into django_migrations (app, name, applied) values ('submissions', '0010_one_table_of_slots', current_timestamp);
insert into django_migrations (app, name, applied) values ('submissions', '0011_find_runs_by_their_end', current_timestamp);
insert into django_migrations (app, name, applied) values ('submissions', '0012_rank_by_people', current_timestamp);
insert into django_migrations (app, name, applied) values ('submissions', '0013_digest_answers', current_timestamp);
insert into django_migrations (app, name, applied) values ('submissions', '0014_fill_digests', current_timestamp);
insert into django_migrations (app, name, applied) values ('submissions', '0015_agree_to_withdraw', current_timestamp);
insert into django_migrations (app, name, applied) values ('courses', '0008_keep_what_workers_verify', current_timestamp);
insert into django_migrations (app, name, applied) values ('submissions', '0016_verify_on_workers', current_timestamp);
insert into django_migrations (app, name, applied) values ('courses', '0009_versions_of_courses', current_timestamp);
insert into django_migrations (app, name, applied) values ('courses', '0010_keep_live_contents_as_versions', current_timestamp);
insert into django_migrations (app, name, applied) values ('courses', '0011_uploads', current_timestamp);
insert into django_migrations (app, name, applied) values ('submissions', '0017_way_back', current_timestamp);
insert into django_migrations (app, name, applied) values ('classes', '0001_initial', current_timestamp);
insert into django_migrations (app, name, applied) values ('submissions', '0018_withhold_grades', current_timestamp);
insert into django_migrations (app, name, applied) values ('classes', '0002_dates', current_timestamp);
insert into django_migrations (app, name, applied) values ('classes', '0003_release_rules', current_timestamp);
insert into django_migrations (app, name, applied) values ('classes', '0004_announcements', current_timestamp);
insert into django_migrations (app, name, applied) values ('submissions', '0019_find_attempts_of_a_class', current_timestamp);
insert into django_migrations (app, name, applied) values ('classes', '0005_extensions', current_timestamp);
insert into django_migrations (app, name, applied) values ('submissions', '0020_keep_used_grants', current_timestamp);
insert into django_migrations (app, name, applied) values ('submissions', '0021_seasons_marks_and_annulments', current_timestamp);
insert into django_migrations (app, name, applied) values ('submissions', '0022_read_answers_about_hidden_entries', current_timestamp);
insert into django_migrations (app, name, applied) values ('submissions', '0023_nothing_new_of_deleted_accounts', current_timestamp);
insert into django_migrations (app, name, applied) values ('submissions', '0024_find_similar_attempts', current_timestamp);
insert into django_migrations (app, name, applied) values ('submissions', '0025_reruns', current_timestamp);
insert into django_migrations (app, name, applied) values ('submissions', '0026_approach_of_an_entry', current_timestamp);
insert into django_migrations (app, name, applied) values ('submissions', '0027_fill_approaches', current_timestamp);
insert into django_migrations (app, name, applied) values ('courses', '0012_reveal_private_ranks', current_timestamp);
insert into django_migrations (app, name, applied) values ('classes', '0006_forget_deleted_accounts', current_timestamp);
insert into django_migrations (app, name, applied) values ('submissions', '0028_budgets_of_courses_and_classes', current_timestamp);
insert into django_migrations (app, name, applied) values ('submissions', '0029_indexes_of_use', current_timestamp);
insert into django_migrations (app, name, applied) values ('challenge_health', '0001_initial', current_timestamp);
insert into django_migrations (app, name, applied) values ('challenge_health', '0002_figures_are_computed_anew', current_timestamp);
insert into django_migrations (app, name, applied) values ('chats', '0001_chat_messages', current_timestamp);
insert into django_migrations (app, name, applied) values ('chats', '0002_point_at_slots', current_timestamp);
insert into django_migrations (app, name, applied) values ('classes', '0007_managed', current_timestamp);
insert into django_migrations (app, name, applied) values ('classes', '0008_release_provisional', current_timestamp);
insert into django_migrations (app, name, applied) values ('classes', '0009_member_name_key', current_timestamp);
insert into django_migrations (app, name, applied) values ('classes', '0010_fill_name_keys', current_timestamp);
insert into django_migrations (app, name, applied) values ('courses', '0013_list_courses_or_not', current_timestamp);
insert into django_migrations (app, name, applied) values ('fleet', '0001_initial', current_timestamp);
insert into django_migrations (app, name, applied) values ('friends', '0001_friends', current_timestamp);
insert into django_migrations (app, name, applied) values ('gradebook', '0001_initial', current_timestamp);
insert into django_migrations (app, name, applied) values ('gradebook', '0002_withhold_overrides', current_timestamp);
insert into django_migrations (app, name, applied) values ('gradebook', '0003_withhold_what_rules_withhold', current_timestamp);
insert into django_migrations (app, name, applied) values ('gradebook', '0004_keep_what_files_need', current_timestamp);
insert into django_migrations (app, name, applied) values ('gradebook', '0005_forget_deleted_accounts', current_timestamp);
insert into django_migrations (app, name, applied) values ('laboratory', '0001_contributions_and_predictions', current_timestamp);
insert into django_migrations (app, name, applied) values ('laboratory', '0002_point_at_slots', current_timestamp);
insert into django_migrations (app, name, applied) values ('lti', '0001_initial', current_timestamp);
insert into django_migrations (app, name, applied) values ('lti', '0002_send_grades', current_timestamp);
insert into django_migrations (app, name, applied) values ('lti', '0003_rosters', current_timestamp);
insert into django_migrations (app, name, applied) values ('lti', '0004_registration_links', current_timestamp);
insert into django_migrations (app, name, applied) values ('lti', '0005_deleted_people', current_timestamp);
insert into django_migrations (app, name, applied) values ('mfa', '0001_initial', current_timestamp);
insert into django_migrations (app, name, applied) values ('mfa', '0002_authenticator_timestamps', current_timestamp);
insert into django_migrations (app, name, applied) values ('mfa', '0003_authenticator_type_uniq', current_timestamp);
insert into django_migrations (app, name, applied) values ('reports', '0001_initial', current_timestamp);
insert into django_migrations (app, name, applied) values ('reports', '0002_point_at_slots', current_timestamp);
insert into django_migrations (app, name, applied) values ('notices', '0001_initial', current_timestamp);
insert into django_migrations (app, name, applied) values ('notices', '0002_plain_plurals', current_timestamp);
insert into django_migrations (app, name, applied) values ('notices', '0003_announcements', current_timestamp);
insert into django_migrations (app, name, applied) values ('notices', '0004_tell_of_boards', current_timestamp);
insert into django_migrations (app, name, applied) values ('notices', '0005_tell_of_merges', current_timestamp);
insert into django_migrations (app, name, applied) values ('preferences', '0001_pair_choices', current_timestamp);
insert into django_migrations (app, name, applied) values ('questions', '0001_initial', current_timestamp);
insert into django_migrations (app, name, applied) values ('questions', '0002_read_steps', current_timestamp);
insert into django_migrations (app, name, applied) values ('receipts', '0001_initial', current_timestamp);
insert into django_migrations (app, name, applied) values ('reviews', '0001_initial', current_timestamp);
insert into django_migrations (app, name, applied) values ('reviews', '0002_plain_plurals', current_timestamp);
insert into django_migrations (app, name, applied) values ('reviews', '0003_longer_budget_scopes', current_timestamp);
insert into django_migrations (app, name, applied) values ('reviews', '0004_locks_blind_reviews_and_certainty', current_timestamp);
insert into django_migrations (app, name, applied) values ('reviews', '0005_gold_rows_of_decisions', current_timestamp);
insert into django_migrations (app, name, applied) values ('reviews', '0006_follow_or_withdraw', current_timestamp);
insert into django_migrations (app, name, applied) values ('reviews', '0007_comments_and_snippets', current_timestamp);
insert into django_migrations (app, name, applied) values ('reviews', '0008_forget_deleted_accounts', current_timestamp);
insert into django_migrations (app, name, applied) values ('reviews', '0009_regrade_of_one_learner', current_timestamp);
insert into django_migrations (app, name, applied) values ('reviews', '0010_rows_that_gold_rows_quote', current_timestamp);
insert into django_migrations (app, name, applied) values ('reviews', '0011_answers_without_an_estimate', current_timestamp);
insert into django_migrations (app, name, applied) values ('sessions', '0001_initial', current_timestamp);
insert into django_migrations (app, name, applied) values ('socialaccount', '0001_initial', current_timestamp);
insert into django_migrations (app, name, applied) values ('socialaccount', '0002_token_max_lengths', current_timestamp);
insert into django_migrations (app, name, applied) values ('socialaccount', '0003_extra_data_default_dict', current_timestamp);
insert into django_migrations (app, name, applied) values ('socialaccount', '0004_app_provider_id_settings', current_timestamp);
insert into django_migrations (app, name, applied) values ('socialaccount', '0005_socialtoken_nullable_app', current_timestamp);
insert into django_migrations (app, name, applied) values ('socialaccount', '0006_alter_socialaccount_extra_data', current_timestamp);
insert into django_migrations (app, name, applied) values ('sign_in', '0001_initial', current_timestamp);
insert into django_migrations (app, name, applied) values ('studio', '0001_initial', current_timestamp);
insert into django_migrations (app, name, applied) values ('submissions', '0030_hand_grades_in', current_timestamp);
insert into django_migrations (app, name, applied) values ('submissions', '0031_file_links', current_timestamp);
insert into django_migrations (app, name, applied) values ('submissions', '0032_hand_in_set_aside', current_timestamp);
insert into django_migrations (app, name, applied) values ('submissions', '0033_withdraw_worker_roles', current_timestamp);
insert into django_migrations (app, name, applied) values ('submissions', '0034_purposes_are_classes', current_timestamp);
insert into django_migrations (app, name, applied) values ('teach', '0001_initial', current_timestamp);
insert into django_migrations (app, name, applied) values ('teach', '0002_nothing_new_of_merged_accounts', current_timestamp);
