"""Pages that show how things stand: who may look may look, who may act may act.

Everything is made here on the server. A browser gets plain pages that work without a script; the
scripts that come along (static/) keep them current.
"""
