"""The nouns that travel: frozen records, state machines and pure functions on them.

No input or output, no clock, no randomness: time and ids come in as arguments. Everything here
but ``codec`` needs the standard library alone, because the SDK ships inside other people's
programs.
"""
