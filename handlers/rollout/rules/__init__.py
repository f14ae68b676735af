"""What each situation leads to: one function for each row of the table."""
