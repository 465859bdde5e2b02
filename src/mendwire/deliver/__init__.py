"""A proven change handed to people: commit, branch, patch."""
