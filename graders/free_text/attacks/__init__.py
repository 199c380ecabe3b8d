"""The suite of attacks with which the judge of any question is tested."""
