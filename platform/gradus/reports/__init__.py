"""Problems with challenges that learners report, and staff's answers."""
