"""Placeholders of message templates, filled with what they might have held on a server."""

from __future__ import annotations

import re
import zlib
from typing import Final

_BY_NAME: Final = {
    "path": ("/srv/app/data/orders.csv", "/var/lib/app/cache.db", "./config/settings.yaml"),
    "file": ("invoice-2024-03.pdf", "settings.toml", "/srv/app/main.py", "users.json"),
    "dir": ("/srv/app", "/tmp/build", "node_modules", "/var/log/app"),  # noqa: S108 - only a word in a message
    "url": ("https://api.shop.example/v1/orders", "http://localhost:8080/health"),
    "host": ("db-1.internal", "127.0.0.1", "cache.shop.example"),
    "port": ("5432", "8080", "443"),
    "name": ("orders", "user_id", "worker-3", "email", "default", "Zoë", "invoice_total"),
    "type": ("int", "str", "NoneType", "list", "Decimal", "object"),
    "class": ("OrderService", "User", "PaymentGateway", "dict"),
    "err": ("connection refused", "timeout after 30s", "unexpected end of input", "EOF"),
    "exc": ("KeyError('id')", "division by zero", "[Errno 2] No such file or directory"),
    "key": ("customer_id", "retries", "REDIS_URL", "items[3].price"),
    "value": ("-1", "None", "'abc'", "3.75", "true", "[]"),
    "count": ("3", "0", "17", "1024"),
    "num": ("3", "0", "17", "1024"),
    "len": ("3", "0", "17", "65536"),
    "size": ("4096", "0", "12 MB", "65536"),
    "limit": ("100", "255", "10"),
    "min": ("1", "0", "8"),
    "max": ("64", "255", "1000"),
    "time": ("2024-03-14T09:26:53Z", "30s", "1500 ms"),
    "date": ("2024-03-14", "2023-11-02"),
    "version": ("3.11.4", "2.0.0-rc1", "18.19.1"),
    "status": ("404", "502", "pending", "closed"),
    "code": ("404", "ECONNRESET", "E1042", "0x80004005"),
    "id": ("42", "7f3a91c2", "ord_10231"),
    "user": ("maria", "deploy", "u-1029"),
    "model": ("Invoice", "shop.Order", "gpt-small", "bert-base"),
    "method": ("GET", "POST", "save", "get_or_create"),
    "func": ("parse_row", "handle", "on_message"),
    "module": ("orders.tasks", "app.main", "billing"),
    "field": ("email", "quantity", "birth_date"),
    "column": ("price", "created_at"),
    "table": ("orders", "auth_user"),
    "shape": ("(3, 4)", "(128,)", "(1, 3, 224, 224)"),
    "option": ("--verbose", "--dry-run", "timeout"),
    "arg": ("n_jobs", "timeout", "*args", "x"),
}
_ANY: Final = ("42", "'abc'", "orders", "None", "3", "user_id", "/srv/app", "0.5", "foo", "True")
_PLACEHOLDER: Final = re.compile(
    r"%\((?P<py>\w+)\)[-#0 +]*\d*(?:\.\d+)?[a-zA-Z]"
    r"|%\{(?P<ruby>\w+)\}|%<(?P<ruby2>\w+)>[.\d]*[a-z]"
    r"|\{\{\s*\$?(?P<mustache>[\w.]+)(?:\s*\|[^}]{0,40})?\s*\}\}"
    r"|\$\{(?P<js>[^{}]{0,80})\}"
    r"|#\{(?P<interpolated>[^{}]{0,80})\}"
    r"|\{(?P<brace>[\w.:#!?\[\] -]{0,60})(?:,[^{}]{0,60})?\}"
    r"|%(?:\d+\$)?[-+#0]*\d*(?:\.[\d*]+)?(?:ll|l|h|z)?(?P<c>[sdiufgxXqvrctTpwom@])(?![a-z])"
    r"|(?<![\w$])\$(?P<php>[a-zA-Z_]\w{0,40})"
)
_NUMBERS: Final = frozenset("diufgxX")


def filled(template: str) -> str:
    """The message with each placeholder replaced; the same each time for the same template."""
    seed = zlib.crc32(template.encode("utf-8", "surrogatepass"))

    def value(match: re.Match[str]) -> str:
        name = next((part for part in match.groups() if part is not None), "")
        if match["c"] and match["c"] in _NUMBERS:
            name = "count"
        return named(name, seed + match.start())

    return _PLACEHOLDER.sub(value, template).replace("%%", "%")


def named(name: str, seed: int) -> str:
    """A value for an expression, by the words that its name is made of."""
    words = re.findall(r"[a-z]+", re.sub(r"([a-z])([A-Z])", r"\1 \2", name).lower())
    for word in reversed(words):
        for stem, values in _BY_NAME.items():
            if word == stem or (len(stem) > 2 and word.startswith(stem)):  # noqa: PLR2004 - "id" starts too many words
                return values[seed % len(values)]
    return _ANY[seed % len(_ANY)]
