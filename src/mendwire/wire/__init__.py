"""The only place that knows NATS: topology as data, connection, bus, worker, embedded server."""
