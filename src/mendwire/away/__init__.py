"""Specialists in other processes: what sends an assignment away, and what works on it there."""
