"""All error codes of an evaluation: the state each leads to, whether the attempt is given back, and its message."""

from dataclasses import dataclass

from gradus.submissions.states import MAX_ATTEMPTS, State


@dataclass(frozen=True)
class Code:
    """An error code. With `refund`, the attempt is given back. Learners read `message`."""

    state: State
    refund: bool
    message: str


CODES: dict[str, Code] = {
    "diverged": Code(
        State.REJECTED,
        False,
        "The training loss became infinite. Lower the learning rate, or look for very long or odd rows, and try again.",
    ),
    "prompt_too_long": Code(
        State.REJECTED, False, "The prompt is longer than the model can read. Shorten it, or remove examples."
    ),
    "row_too_long": Code(
        State.REJECTED, False, "A training row is longer than this challenge allows. Shorten it and submit again."
    ),
    "out_of_memory": Code(
        State.REJECTED, False, "The job needed more memory than it may use. Use a smaller batch or shorter rows."
    ),
    "method_unavailable": Code(
        State.FAILED,
        True,
        "This training method cannot be carried out here at the moment. Your attempt was given back. Choose another "
        "method, or try again later.",
    ),
    "timeout": Code(
        State.REJECTED, False, "The job took longer than this challenge allows. Use fewer rows, epochs or tokens."
    ),
    "worker_lost": Code(
        State.FAILED,
        True,
        f"Our machine stopped {MAX_ATTEMPTS} times while grading this. Your attempt was given back.",
    ),
    "internal": Code(
        State.FAILED, True, "Something went wrong on our side. Your attempt was given back; please submit again."
    ),
    "bundle_missing": Code(
        State.FAILED, True, "The challenge's files are not on this server. The staff were told; your attempt is back."
    ),
    "cancelled": Code(State.CANCELLED, True, "You cancelled this attempt. It was given back."),
    "run_cancelled": Code(State.CANCELLED, False, "You cancelled this run. It cost no attempt."),
    "cancelled_late": Code(
        State.CANCELLED, False, "You cancelled this attempt. Today's give-backs were used up, so it counts."
    ),
}
