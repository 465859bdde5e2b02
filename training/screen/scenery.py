"""Names that error reports are full of; the carriers draw from them."""

from __future__ import annotations

import random
from typing import Final

MODULES: Final = (
    "orders", "billing", "auth", "search", "catalog", "users", "payments", "sessions", "export",
    "importer", "webhooks", "uploads", "reports", "inventory", "notify", "profile", "cart", "geo",
    "tenants", "scheduler", "metrics", "mailer", "quota", "ledger", "comments", "chat", "feeds",
)  # fmt: skip
FUNCTIONS: Final = (
    "handle", "parse", "save", "load", "process", "validate", "render", "fetch", "dispatch",
    "build_query", "to_json", "apply", "lookup", "normalize", "create", "update", "submit",
    "read_body", "decode", "checkout", "sync", "refresh", "resolve", "run",
)  # fmt: skip
PYTHON_ERRORS: Final = (
    "ValueError", "KeyError", "RuntimeError", "TypeError", "AssertionError", "LookupError",
    "django.core.exceptions.ValidationError", "sqlalchemy.exc.ProgrammingError", "OSError",
    "pydantic_core._pydantic_core.ValidationError", "json.decoder.JSONDecodeError",
    "requests.exceptions.HTTPError", "werkzeug.exceptions.BadRequest", "celery.exceptions.Retry",
    "UnicodeDecodeError", "botocore.exceptions.ClientError", "PermissionError",
)  # fmt: skip
NODE_ERRORS: Final = (
    "Error", "TypeError", "RangeError", "ReferenceError", "SyntaxError", "AxiosError",
    "PrismaClientKnownRequestError", "ZodError", "MongoServerError", "SequelizeDatabaseError",
    "BadRequestError", "AssertionError [ERR_ASSERTION]", "QueryFailedError",
)  # fmt: skip
JAVA_ERRORS: Final = (
    "java.lang.IllegalStateException", "java.lang.IllegalArgumentException",
    "org.springframework.dao.DataIntegrityViolationException", "java.io.IOException",
    "com.fasterxml.jackson.databind.JsonMappingException", "java.lang.RuntimeException",
    "javax.validation.ConstraintViolationException", "java.sql.SQLException",
)  # fmt: skip
NET_ERRORS: Final = (
    "System.InvalidOperationException", "System.ArgumentException", "System.FormatException",
    "Microsoft.EntityFrameworkCore.DbUpdateException", "System.Text.Json.JsonException",
)  # fmt: skip
RUBY_ERRORS: Final = (
    "ArgumentError", "NoMethodError", "ActiveRecord::RecordInvalid", "KeyError", "RuntimeError",
    "ActionController::BadRequest", "Faraday::ClientError", "JSON::ParserError",
)  # fmt: skip
PHP_ERRORS: Final = (
    "InvalidArgumentException", "RuntimeException", "TypeError", "ErrorException",
    "Illuminate\\Database\\QueryException",
    "Symfony\\Component\\HttpKernel\\Exception\\HttpException",
    "PDOException", "DomainException",
)  # fmt: skip
COMPLAINTS: Final = (
    "invalid value", "could not parse input", "unexpected token", "unknown key", "bad request",
    "validation failed", "no such record", "cannot decode field", "duplicate entry for",
    "request body rejected", "failed to process message", "constraint violated by",
    "unsupported value",
    "upstream answered 502", "not a valid name", "length exceeds 64 characters", "missing field",
    "could not convert string to float", "template rendering failed", "unhandled event",
    "syntax error at or near", "no match for", "unable to send notification", "lookup failed for",
)  # fmt: skip
AGENTS: Final = (
    "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36", "curl/8.5.0", "okhttp/4.12.0",
    "python-requests/2.32.3", "PostmanRuntime/7.39", "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5)",
)  # fmt: skip
KEYS: Final = (
    "note", "comment", "q", "query", "title", "display_name", "bio", "message", "subject", "body",
    "input", "reason", "description", "address", "company", "feedback", "label", "tag", "hint",
    "prompt", "details", "remarks", "search", "payload", "value", "last_error", "summary", "text",
    "user_agent", "referer", "nickname", "file_name", "city", "coupon", "review", "memo", "topic",
)  # fmt: skip
HEADERS: Final = (
    "User-Agent", "Referer", "X-Forwarded-For", "X-Request-Id", "X-Client-Note", "Cookie", "Origin",
    "X-Debug", "Accept-Language", "X-Trace-Context", "Authorization", "X-Title", "Via", "From",
)  # fmt: skip
TABLES: Final = (
    "users",
    "orders",
    "comments",
    "tickets",
    "products",
    "events",
    "profiles",
    "posts",
)
SERVICES: Final = (
    "shop-web",
    "checkout-api",
    "billing",
    "crm",
    "media-worker",
    "gateway",
    "search",
)
LEVELS: Final = ("ERROR", "WARN", "INFO", "CRITICAL", "error", "warning")


def chance(rng: random.Random, share: float) -> bool:
    """True in this share of the cases."""
    return rng.random() < share


def complaint(rng: random.Random) -> str:
    """What a program says of a value it does not take."""
    return rng.choice(COMPLAINTS)


def clock(rng: random.Random) -> str:
    """A moment of late 2026, ISO 8601."""
    day, hour = rng.randrange(1, 29), rng.randrange(24)
    minute, second = rng.randrange(60), rng.randrange(60)
    return f"2026-1{rng.randrange(3)}-{day:02d}T{hour:02d}:{minute:02d}:{second:02d}Z"


def ident(rng: random.Random, size: int = 12) -> str:
    """Hexadecimal digits, as in request ids."""
    return f"{rng.getrandbits(4 * size):0{size}x}"


def path(rng: random.Random, ending: str) -> str:
    """A source file, e.g. ``/srv/app/billing/parse.py``."""
    root = rng.choice(
        ("/app", "/srv/app", "/usr/src/app", "/var/www", "/home/deploy/current", "src")
    )
    return f"{root}/{rng.choice(MODULES)}/{rng.choice(FUNCTIONS)}.{ending}"


def class_name(rng: random.Random) -> str:
    """e.g. ``OrdersService``."""
    end = rng.choice(("Service", "Controller", "Handler", "Repository", "Worker", "Client"))
    return rng.choice(MODULES).capitalize() + end
