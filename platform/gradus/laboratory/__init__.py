"""The class laboratory: sets of a finding's arms that learners run, and what they predict of them."""
