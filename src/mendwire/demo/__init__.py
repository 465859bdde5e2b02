"""A shop with a bug, and the whole way to its fix, in half a minute."""
