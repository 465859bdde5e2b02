"""Alerts: what people are told without asking, grouped, bounded, and never lost on a restart."""
