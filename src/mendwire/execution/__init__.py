"""What runs on this machine: child processes, sandboxes, git and trees. Knows no NATS, no case."""
