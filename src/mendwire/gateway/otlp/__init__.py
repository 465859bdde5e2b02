"""OpenTelemetry over HTTP: exceptions on spans and in log records become reports."""
