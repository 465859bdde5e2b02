"""What an operator does by hand: plans, checks, repairs."""
