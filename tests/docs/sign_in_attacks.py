"""The rows of `docs/operations/sign-in-attacks.md`: each is a case of a test. As a program it writes the table anew."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

PAGE = Path(__file__).resolve().parents[2] / "docs" / "operations" / "sign-in-attacks.md"
HEAD = "| | Where | What is sent | What comes of it |\n| ---: | --- | --- | --- |\n"
SIGN_IN, LAUNCH, GRADES = "sign-in", "launch", "grades"


class Row(NamedTuple):
    """`case` is a module, a test in it, and the case of its table if it has one: `module::test[case]`."""

    where: str
    sent: str
    outcome: str
    case: str


def _sign_in(test: str, sent: str, outcome: str) -> Row:
    return Row(SIGN_IN, sent, outcome, f"tests.sign_in.{test}")


def _token(name: str, sent: str) -> Row:
    outcome = "refused (403), nobody is signed in, no account is made"
    return _sign_in(f"test_attacks::test_a_token_that_claims_something_else[{name}]", sent, outcome)


def _signature(name: str, sent: str) -> Row:
    outcome = "refused (403), nobody is signed in, no account is made"
    return _sign_in(f"test_attacks::test_a_token_that_somebody_else_signed[{name}]", sent, outcome)


def _message(name: str, sent: str, outcome: str = "refused (400), nobody is signed in, no account is made") -> Row:
    return Row(LAUNCH, sent, outcome, f"tests.lti.test_attacks::test_a_wrong_message_lets_nobody_in[{name}]")


def _launch(test: str, sent: str, outcome: str) -> Row:
    return Row(LAUNCH, sent, outcome, f"tests.lti.{test}")


def _grades(test: str, sent: str, outcome: str) -> Row:
    return Row(GRADES, sent, outcome, f"tests.lti.{test}")


REFUSED_LINK = "refused (422): the link leads to no page of the class"
ROWS = (
    _token("expired", "an ID token that has expired"),
    _token("made in the future", "an ID token from the future"),
    _token("without an end", "an ID token without an end"),
    _token("for another site", "an ID token for another site"),
    _token("for this site and another one, which asked", "an ID token for two sites, of which the other one asked"),
    _token("of another issuer", "an ID token of another issuer"),
    _token("of an issuer that differs by a slash", "an ID token of an issuer that differs by a slash"),
    _token("of another log-in", "an ID token of another log-in"),
    _token("about nobody", "an ID token about nobody"),
    _token("about a name with a control character", "an ID token about a name with a control character"),
    _signature("without a signature", "an ID token without a signature"),
    _signature("signed with the public key as a secret", "an ID token signed with the public key as a secret (HS256)"),
    _signature("signed with another key under a known name", "an ID token of another key under a known `kid`"),
    _signature("with a key of its own in the header", "an ID token with its own key in the header"),
    _signature("altered", "an altered ID token"),
    _sign_in(
        "test_attacks::test_the_log_in_of_another_browser",
        "the answer of the attacker's log-in, opened by the victim (log-in CSRF)",
        "refused (403), the victim is not signed in",
    ),
    _sign_in(
        "test_attacks::test_the_addition_of_another_browser_to_the_account_of_the_victim",
        "the attacker's account, to be added to the victim's",
        "refused (403), nothing is added",
    ),
    _sign_in(
        "test_attacks::test_an_answer_that_is_opened_twice",
        "the same answer for a second time",
        "refused (403), its code is redeemed once",
    ),
    _sign_in(
        "test_attacks::test_a_stolen_code_in_a_log_in_of_the_thief",
        "a stolen code in a log-in of the thief",
        "refused (403): the code belongs to the verifier of the victim's browser",
    ),
    _sign_in(
        "test_attacks::test_two_providers_that_are_exchanged",
        "the answer of one provider at the address of another",
        "refused (403), no code is sent to either",
    ),
    _sign_in(
        "test_attacks::test_an_address_of_another_site_to_go_on_to",
        "an address of another site to go on to",
        "the person is signed in and stays on this site",
    ),
    _sign_in(
        "test_attacks::test_a_configuration_that_leads_elsewhere",
        "a configuration that leads to another issuer, to HTTP, to a script or to the cloud's metadata",
        "refused (403), nothing but the configuration is asked for",
    ),
    _sign_in(
        "test_sign_in::test_an_account_with_the_address_is_never_found_by_it",
        "the email address of somebody who has an account here",
        "no account is found by it",
    ),
    _sign_in(
        "test_sign_in::test_two_schools_with_the_same_subject_and_client_are_two_people",
        "the same `sub` from two providers",
        "two people",
    ),
    _sign_in("test_codes::test_three_wrong_codes_end_it", "guessed codes of a mail", "the third wrong one ends it"),
    _message("garbage", "garbage"),
    _message("a huge message", "a message of 50,000 characters"),
    _message("alg none", "a message with `alg` none"),
    _message("RS256 without a signature", "a message without a signature"),
    _message("HS256 with the public key", "a message signed with the public key as a secret (HS256)"),
    _message("altered", "an altered message"),
    _message("another's key under this kid", "a message of another key under a known `kid`"),
    _message("a key in the header", "a message with its own key in the header"),
    _message("expired", "a message that has expired"),
    _message("from the future", "a message from the future"),
    _message("hours old, and valid for years", "a message that is hours old and valid for years"),
    _message("another issuer", "a message of another issuer"),
    _message("another client", "a message for another client"),
    _message("several clients and no azp", "a message for several clients that does not say who asked"),
    _message("another nonce", "a message with the nonce of another launch"),
    _message("no nonce", "a message without a nonce"),
    _message("nobody", "a message about nobody"),
    _message("a NUL in sub", "a message about a name with a NUL"),
    _message("LTI 1.1", "a message of LTI 1.1"),
    _message("no roles", "a message without roles"),
    _message("roles that are no list", "roles that are no list"),
    _message("another deployment", "a message of another deployment", "refused (403) until an operator approves it"),
    _message("another course", "a message of another course", "refused (409) until an operator says which class it is"),
    _message("to another site", "a link to another site", REFUSED_LINK),
    _message("to another site, by two slashes", "a link to another site, by two slashes", REFUSED_LINK),
    _message("to a script", "a link to a script", REFUSED_LINK),
    _message("to an act", "a link to the address that signs out", REFUSED_LINK),
    _message("to another course", "a link to another course of this site", REFUSED_LINK),
    _launch(
        "test_attacks::test_a_message_works_once",
        "the same message again, in this or another browser",
        "refused (409), and the entry that it opened is over (410)",
    ),
    _launch(
        "test_attacks::test_a_stolen_message_opens_nothing_in_another_browser",
        "a stolen message and state, in another browser",
        "refused (403), nobody is signed in, no account is made",
    ),
    _launch(
        "test_attacks::test_nobody_is_signed_in_as_the_attacker",
        "the attacker's message in the victim's browser (log-in CSRF)",
        "refused (403), the victim stays signed in as before",
    ),
    _launch(
        "test_attacks::test_a_state_is_this_site_s_and_ten_minutes_old_at_most",
        "a forged, altered or old `state`",
        "refused (400), nothing is stored",
    ),
    _launch(
        "test_attacks::test_a_message_of_one_platform_does_not_answer_another_s_log_in",
        "the message of one platform in answer to the log-in of another",
        "refused (400): it is for another client",
    ),
    _launch(
        "test_attacks::test_claims_that_are_not_asked_for_change_nothing",
        "claims that would give more rights",
        "the person learns, and has no more rights",
    ),
    _launch(
        "test_launch::test_the_same_person_is_the_same_account_and_the_newest_role_holds",
        "an instructor who has become a learner",
        "the newest role holds",
    ),
    _launch(
        "test_launch::test_two_platforms_have_two_people_of_one_sub", "the same `sub` from two platforms", "two people"
    ),
    _launch(
        "test_launch::test_nobody_is_found_by_an_address",
        "the email address of somebody who has an account here",
        "a new account, and the other one stays as it is",
    ),
    _launch(
        "test_launch::test_a_platform_alone_signs_nobody_in_who_is_staff",
        "the message about an account that is staff of the site",
        "refused (403)",
    ),
    _launch(
        "test_outgoing::test_no_private_address_is_reached_by_a_public_name",
        "a public name with an address in a private network",
        "nothing is sent there",
    ),
    _launch(
        "test_outgoing::test_a_redirect_is_not_followed",
        "a redirect to another address, such as the loopback",
        "it is not followed",
    ),
    _launch(
        "test_outgoing::test_a_platform_that_dribbles_is_given_up",
        "an answer that comes byte by byte",
        "it is given up after eight seconds",
    ),
    _grades(
        "test_grades::test_no_token_goes_to_another_host",
        "a column on another host, on HTTP, or on a host whose name begins alike",
        "no token and no grade goes there, and the page of the platform names the host",
    ),
    _grades(
        "test_grades::test_a_host_that_an_operator_has_removed_is_sent_nothing_more",
        "a column on a host that an operator has removed",
        "no token and no grade goes there",
    ),
    _grades(
        "test_sending::test_a_platform_that_gives_no_token_is_sent_nothing",
        "a token that is none, such as one with a line break",
        "nothing is sent, and the platform rests",
    ),
    _grades(
        "test_sending::test_an_error_with_a_status_of_success_is_no_arrival",
        "an error, or a page for people, with the status 200",
        "the grade counts as arrived only if the platform's results have it",
    ),
    _grades(
        "test_sending::test_a_lost_answer_has_the_same_body_sent_again",
        "no answer, although the grade was kept",
        "the same message is sent again, refused, and found in the results: the grade is there once",
    ),
    _grades(
        "test_sending::test_a_platform_that_has_enough_rests",
        "too many requests (429), no access, or no answer at all",
        "the platform rests as long as it asks for, and at most a day",
    ),
    _grades(
        "test_sending::test_a_newer_timestamp_at_the_platform_is_overtaken",
        "a later timestamp of somebody else",
        "the grade is sent again with a new timestamp until the platform takes it",
    ),
    _grades(
        "test_grades::test_what_is_not_released_is_not_sent_and_what_ends_is_recalled",
        "a grade whose release is taken back",
        "it is recalled (*NotReady*)",
    ),
    _grades(
        "test_killed_sender::test_kills_at_each_step_lose_and_double_nothing",
        "kill -9 of the sender at each of eight steps",
        "each grade arrives once in its final value",
    ),
)


def table() -> str:
    """The table of the page."""
    lines = [f"| {number} | {row.where} | {row.sent} | {row.outcome} |" for number, row in enumerate(ROWS, start=1)]
    return HEAD + "\n".join(lines) + "\n"


def main() -> None:
    before = PAGE.read_text().partition(HEAD)[0]
    PAGE.write_text(before + table())


if __name__ == "__main__":
    main()
