"""A learner who has done something of each kind that the site keeps."""

from gradus.accounts.models import ApiToken, User
from gradus.chats import services as chats
from gradus.friends import services as friends
from gradus.laboratory import services as laboratory
from gradus.preferences import services as preferences
from gradus.preferences.services import Pair
from gradus.questions import services as questions
from gradus.questions.models import Part
from gradus.reports import services as reports
from gradus.reviews import services as reviews
from gradus.submissions import services
from gradus.submissions.models import Submission
from tests import factories
from tests.reviews import cases


def be_busy(user: User, grace: User) -> None:
    """Does something of each kind as this learner, in the course of `factories.tiny_course`; Grace is of the staff."""
    version = factories.challenge("sea-or-sky").version
    prompt = factories.submit(user)
    factories.grade(prompt, 0.7123)
    attempt = factories.submit(user, payload=factories.LORA)
    factories.grade(attempt, 0.6, artifact=factories.adapter_zip())
    message = chats.send(Submission.objects.get(pk=attempt.pk), "a heron of mine", "plain")
    factories.grade(message.run, None, result={"chat": factories.CHAT})
    factories.grade(services.start_run(user, version, {**factories.PROMPT, "instructions": "my own trial"}))
    services.take_hint(user, prompt.challenge)
    review = cases.waiting(user)
    reviews.appeal(review.submission, "I named the cause.")
    made = reports.report(user, prompt.challenge, track="prompt", what="sample", text="The third sample is wrong.")
    reports.answer(made, by=grace, text="It is mended.")
    ApiToken.issue(user, "laptop")
    lesson = prompt.challenge.lesson
    drawn = laboratory.begin(user, lesson, "few-shot", "c" * 64, 5)
    laboratory.predict(drawn, "five-examples", 0.8)
    seen = Pair("soup", "Tell the table.", "The soup is hot.", "Enjoy your meal!")
    preferences.choose(user, prompt.challenge, seen, preferences.Side.SECOND)
    if not user.is_guest:
        friends.renew_code(user)
        friends.agree(friends.ask(friends.code_of(user), by=grace).pk, by=user)
    (asked,) = questions.parts(lesson)[Part.CHECK]
    questions.answer(user, lesson, asked, Part.CHECK, 2)
    questions.read_step(user, lesson, "a-first-idea")
