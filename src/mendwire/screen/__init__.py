"""Untrusted text becomes screened text, or stops here."""
