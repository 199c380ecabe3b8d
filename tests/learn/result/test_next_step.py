"""After a grade the page says what was reached, how far the goal is, one thing to try, and where to go on."""

from django.urls import reverse

from gradus.submissions.services import take_hint
from tests import factories
from tests.markup import Markup


def attempt(user, client, score, slug="sea-or-sky", payload=None, **outcome) -> Markup:
    """The panel on the page of a graded attempt."""
    submission = factories.submit(user, slug, payload)
    factories.grade(submission, score, **outcome)
    text = Markup(client.get(reverse("learn:submission", args=[submission.uuid])).content.decode())
    panel = text.split('class="callout next-step"')[1].split("</section>")[0]
    return Markup(panel)


def test_a_pass_names_the_distance_to_gold_and_the_next_challenge(ada, ada_client, course):
    panel = attempt(ada, ada_client, 0.71234)
    assert "Passed</h2>" in panel
    assert 'You reached <strong class="num">0.70</strong>' in panel and "0.712" not in panel
    assert 'Gold begins at <span class="num">0.80</span>, which is <span class="num">0.10</span> more' in panel
    assert "read hint 1 of 3" in panel and "solution is open to you now" in panel
    assert f'href="{reverse("learn:challenge", args=["ticket"])}">Next: ' in panel
    assert "create a free account" not in panel


def test_gold_leaves_nothing_to_try(ada, ada_client, course):
    panel = attempt(ada, ada_client, 0.9)
    assert "Gold: you reached everything" in panel and "One thing to try" not in panel and "Next: " in panel


def test_a_failed_attempt_names_the_distance_to_the_pass_mark(ada, ada_client, sea_or_sky):
    panel = attempt(ada, ada_client, 0.5)
    more = f"{sea_or_sky.spec.pass_ - 0.5:.2f}"
    assert "Not passed yet" in panel and f'which is <span class="num">{more}</span> more' in panel
    assert "read hint 1 of 3" in panel and "Next: " not in panel and "solution" not in panel


def read_all_hints(user, challenge) -> None:
    for _ in range(3):
        take_hint(user, challenge)


def test_what_to_try_after_the_hints_is_never_a_track_that_cannot_pass(ada, ada_client, sea_or_sky):
    take_hint(ada, sea_or_sky)
    assert "read hint 2 of 3" in attempt(ada, ada_client, 0.5)
    read_all_hints(ada, sea_or_sky)
    panel = attempt(ada, ada_client, 0.5)
    assert "look at the rows below that are not right" in panel and "?track=tune" not in panel


def test_once_passed_the_other_track_is_advised_where_it_can_reach_gold(ada, ada_client, sea_or_sky):
    read_all_hints(ada, sea_or_sky)
    panel = attempt(ada, ada_client, 0.7)
    assert "with a training run</a>" in panel and "?track=tune#attempt" in panel
    attempt(ada, ada_client, 0.5, payload=factories.LORA)
    assert "look at the rows below that are not right" in attempt(ada, ada_client, 0.7)


def test_a_pass_on_another_track_leads_to_the_one_that_passes(ada, ada_client, course):
    panel = attempt(ada, ada_client, 0.9, payload=factories.LORA)
    assert "with a prompt</a>" in panel and "?track=prompt#attempt" in panel and "Next: " not in panel


def test_a_worse_attempt_does_not_take_a_pass_away(ada, ada_client, course):
    attempt(ada, ada_client, 0.7)
    panel = attempt(ada, ada_client, 0.3)
    assert "You have passed this challenge before, and that stays" in panel and "Next: " in panel
    assert "Below the pass mark this time" in panel and "Not passed yet" not in panel


def test_a_provisional_pass_goes_on_without_gold_or_solution(ada, ada_client, course):
    panel = attempt(ada, ada_client, 0.65, "explain", factories.FREE_TEXT, provisional=True, result={"marks": []})
    assert (
        "Above the pass mark, for now" in panel
        and "Gold" not in panel
        and "solution" not in panel
        and "Next: " in panel
    )


def test_a_guest_is_offered_an_account(guest, guest_client, course):
    panel = attempt(guest, guest_client, 0.7)
    assert f'href="{reverse("account_signup")}">Keep this: create a free account' in panel


def test_the_end_of_the_course_leads_to_the_path(ada, ada_client, course):
    rows = [{"input": "m", "output": '{"priority": "low", "summary": "s"}'}]
    attempt(ada, ada_client, 0.7)
    attempt(ada, ada_client, 0.7, "ticket", {**factories.LORA, "rows": rows})
    panel = attempt(ada, ada_client, 0.9, "explain", factories.FREE_TEXT, result={"marks": []})
    assert "You have passed every challenge of this course" in panel and "Next: " not in panel


def test_an_open_attempt_has_no_next_step(ada, ada_client, course):
    submission = factories.submit(ada)
    text = Markup(ada_client.get(reverse("learn:submission", args=[submission.uuid])).content.decode())
    assert "next-step" not in text


def test_the_front_page_begins_with_the_first_lesson(ada_client, course):
    text = Markup(ada_client.get("/").content.decode())
    assert 'href="/lessons/first/">Start the first lesson' in text and "Continue" not in text


def test_the_front_page_continues_with_what_was_not_passed(ada, ada_client, course):
    factories.grade(factories.submit(ada), 0.3)
    text = Markup(ada_client.get("/").content.decode())
    assert 'href="/challenges/sea-or-sky/">Continue: <span lang="en">Sea or sky<' in text
    assert 'href="/lessons/first/">Read its lesson' in text
    assert "0.30</strong>" in text and "below the pass mark" in text and "Start the first lesson" not in text


def test_the_front_page_continues_with_the_next_challenge_after_a_pass(ada, ada_client, ticket, client):
    factories.grade(factories.submit(ada), 0.7)
    text = Markup(ada_client.get("/").content.decode())
    assert f'href="/challenges/ticket/">Continue: <span lang="en">{ticket.title}<' in text
    assert 'You have passed “<span lang="en">Sea or sky</span>”, and this challenge comes next.' in text
    assert "Start the first lesson" not in text
    assert "Start the first lesson" in Markup(client.get("/").content.decode())


def test_the_front_page_offers_a_guest_who_passed_an_account(guest, guest_client, course):
    factories.grade(factories.submit(guest), 0.7)
    text = Markup(guest_client.get("/").content.decode())
    assert "Continue: " in text and "Create a free account" in text
