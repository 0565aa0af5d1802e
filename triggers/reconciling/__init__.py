"""What is open, and due again: every pass looks up, follows, retries and reports runs."""
