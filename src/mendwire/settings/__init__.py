"""What the operator wrote: environment variables, .env, mendwire.toml. Read once, passed on."""
