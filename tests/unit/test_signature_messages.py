"""Messages of many systems: what classifies an error stays in the signature, what names it goes.

Each row is a message with a place in it, and what may stand there. In ``TELLING`` every two of
them are different errors, so merging any would lose one; in ``NAMING`` all of them are one.
"""

from __future__ import annotations

import itertools

import pytest

from mendwire.model.report import ErrorReport
from mendwire.model.signature import signature

TELLING: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("upstream answered with HTTP {}", ("404", "500", "502", "503")),
    ("request failed with status code {}", ("400", "401", "429", "500")),
    ("got status: {} from payment provider", ("402", "409", "422")),
    ("GET /api/orders returned {}", ("403", "404", "504")),
    ("process exited with code {}", ("1", "2", "127", "137")),
    ("child exit status {}", ("1", "126", "255")),
    ("killed by signal {}", ("6", "9", "11", "15")),
    ("terminated by SIG{}", ("SEGV", "KILL", "ABRT")),
    ("[Errno {}] cannot open file", ("2", "13", "24", "28")),
    ("errno={} while writing", ("5", "28", "32")),
    ("SQLSTATE[{}]: query failed", ("23000", "42S02", "HY000", "08006")),
    ("ERROR: duplicate key (SQLSTATE {})", ("23505", "23503", "40001")),
    ("ORA-{}: statement failed", ("00001", "01017", "01555", "12541")),
    ("ERROR {} (HY000): server refused", ("1045", "1146", "1213", "2002")),
    ("MongoServerError code {}", ("11000", "13", "50")),
    ("redis: {} command failed", ("MOVED", "OOM", "NOAUTH", "READONLY")),
    ("rpc error: code = {} desc = upstream", ("Unavailable", "DeadlineExceeded", "NotFound")),
    ("grpc-status: {}", ("4", "5", "13", "14")),
    ("curl: ({}) transfer failed", ("6", "7", "28", "35", "60")),
    ("SSL alert number {}", ("40", "42", "46", "48")),
    ("error:{}:SSL routines", ("1408F10B", "14094410", "0A000086")),
    ("HRESULT 0x{}", ("80070005", "80004005", "8007000E")),
    ("Win32 error {}", ("2", "5", "32", "1450")),
    ("NTSTATUS 0xC00000{}", ("05", "17", "FD")),
    ("cannot connect to port {}", ("5432", "6379", "3306", "9200")),
    ("connect ECONNREFUSED 127.0.0.1:{}", ("5432", "6379", "9200")),
    ("unsupported protocol version {}", ("1", "2", "3")),
    ("requires python >= {}", ("3.9", "3.11", "3.13")),
    ("TLS v1.{} is not enabled", ("0", "1", "2", "3")),
    ("invalid byte for utf-{}", ("8", "16", "32")),
    ("cannot decode with codec {}", ("'ascii'", "'utf-8'", "'latin-1'")),
    ("sha{} digest mismatch", ("1", "256", "512")),
    ("expected int{} got string", ("8", "32", "64")),
    ("KeyError: {}", ("'email'", "'phone'", "'price'")),
    ("Cannot read properties of undefined (reading {})", ("'id'", "'name'", "'total'")),
    ("column {} does not exist", ('"user_email"', '"user_phone"', '"price"')),
    ("relation {} does not exist", ('"orders"', '"invoices"', '"carts"')),
    ("no such table: {}", ("orders", "users", "events")),
    ("undefined method `{}' for nil:NilClass", ("name", "id", "total")),
    ("undefined local variable {}", ("subtotal", "discount", "rate")),
    ("module not found: {}", ("lodash", "left-pad", "react")),
    ("No module named {}", ("'yaml'", "'requests'", "'numpy'")),
    ("missing environment variable {}", ("DATABASE_URL", "REDIS_URL", "SECRET_NAME")),
    ("permission {} is required", ("orders:read", "orders:write", "admin")),
    ("queue {} does not exist", ("mail", "invoices", "thumbnails")),
    ("kernel: {}: I/O error", ("sda", "sdb", "nvme0n1")),
    ("systemd: Unit {} failed", ("nginx.service", "redis.service", "cron.service")),
    ("AccessDenied: not authorized to perform s3:{}", ("GetObject", "PutObject", "ListBucket")),
    ("{}: Rate exceeded", ("ThrottlingException", "LimitExceededException", "SlowDown")),
    ("quota {} exceeded", ("CPUS", "DISKS_TOTAL_GB", "STATIC_ADDRESSES")),
    ("pod failed: {}", ("OOMKilled", "CrashLoopBackOff", "ImagePullBackOff")),
    ("liveness probe failed: HTTP probe failed with statuscode: {}", ("404", "500", "503")),
    ("java.lang.OutOfMemoryError: {}", ("Java heap space", "Metaspace", "GC overhead limit")),
    ("expected {} arguments, got another number", ("1", "2", "3")),
    ("takes {} positional arguments but more were given", ("1", "2", "3")),
    ("index 3 is out of bounds for axis {}", ("0", "1", "2")),
    ("unexpected token {} in JSON", ("<", "}", ",")),
    ("step {} failed", ("1", "2", "3")),
    ("phase {} of migration failed", ("1", "2", "3")),
    ("error E{}: mismatched types", ("0308", "0382", "0502")),
    ("CS{}: cannot convert", ("0029", "0103", "1061")),
    ("TS{}: property is missing", ("2322", "2339", "2741")),
    ("AADSTS{}: sign-in failed", ("50011", "50020", "65001")),
    ("error code: {}", ("17", "42", "1020")),
    ("rc={}", ("1", "-1", "110")),
    ("reason: {}", ("7", "8", "12")),
    ("level {} alert", ("1", "2", "3")),
    ("SMTP {} refused", ("421", "450", "550", "554")),
    ("FTP reply {}", ("425", "530", "550")),
    ("DNS {} for host", ("SERVFAIL", "NXDOMAIN", "REFUSED")),
    ("sensor {} is out of range", ("temperature", "pressure", "humidity")),
    ("GPU {} has fallen off the bus", ("0", "1", "2")),
    ("disk sd{} failed", ("a", "b", "c")),
    ("invalid value for option --{}", ("jobs", "level", "output")),
    ("retry policy {} unknown", ("linear", "exponential", "none")),
    ("currency {} is not supported", ("EUR", "USD", "JPY")),
    ("locale {} is missing", ("de_DE", "fr_FR", "ja_JP")),
    ("syntax error at line {}", ("3", "17", "240")),
    ("invalid literal for int() with base {}", ("2", "10", "16")),
)
NAMING: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("no order {}", ("8412345", "8412999", "1000001")),
    ("order_id={} not found", ("17", "4711", "99")),
    ("user {} is locked", ("12", "340", "77123")),
    ("no user with id {}", ("5", "81", "2300")),
    (
        "request {} failed",
        ("9f1c2d3e-4b5a-4c6d-8e7f-0a1b2c3d4e5f", "0d9c8b7a-6f5e-4d3c-9b2a-1f0e9d8c7b6a"),
    ),
    (
        "trace {} was dropped",
        ("4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7a1b2c3d4e5f60718"),
    ),
    (
        "commit {} is unknown",
        ("9fceb02d0ae598e95dc970b74767f19372d61af8", "1a410efbd13591db07496601ebc7a059dd55cfe9"),
    ),
    ("object at 0x{}", ("7f3a5c0012d0", "7ffe91a4b8c0")),
    ("connection from {} was reset", ("10.0.3.17", "192.168.7.200", "172.16.5.4")),
    ("peer [{}] went away", ("2001:db8::1:17", "2001:db8::2:44")),
    ("timed out after {}", ("3021ms", "2987ms", "12ms")),
    ("took {} seconds", ("1.27", "30.5", "4")),
    ("wrote {} bytes", ("512", "40960", "17")),
    ("mail to {} bounced", ("ann@example.com", "bob.b@mail.example.org")),
    ("cannot open /tmp/{}/part-7", ("tmpab12cd34", "tmpzz98yy76")),  # the last name stays
    ("started at {}", ("2026-11-24T10:11:12Z", "2025-01-02T03:04:05Z")),
    ("it began at {}", ("2026-11-24 10:11:12,123", "2025-01-02 03:04:05,999")),
    ("GET https://api.example.com/orders/{} failed", ("17", "4711", "993")),
    ("GET https://api.example.com/u?id={} failed", ("17", "4711", "993")),
    ("pid {} is gone", ("812", "30122", "7")),
    ("in thread Thread-{}", ("3", "12", "140")),
    ("key user_{} is missing", ("63880", "65010", "12")),
    ("session {} expired", ("1234567890", "9876543210")),
    ("attempt {} of many failed", ("1", "2", "17")),
    ("row {} is broken", ("3", "17", "40233")),
    ("offset {} is beyond the end", ("0", "512", "40233")),
    ("lease of web-7d4b9c6f5-{} lost", ("x2k9p", "q8w7e")),
    ("arn:aws:sqs:eu-west-1:{}:jobs is gone", ("123456789012", "210987654321")),
    ("txn {} aborted", ("771234", "12", "9")),
    ("listening on 10.1.2.3:{} failed", ("49152", "60999", "51234")),
)


def pairs(rows: tuple[tuple[str, tuple[str, ...]], ...]) -> list[tuple[str, str]]:
    return [
        (form.format(one), form.format(other))
        for form, values in rows
        for one, other in itertools.combinations(values, 2)
    ]


def key(message: str) -> str:
    return signature(ErrorReport(error=message), namespace="shop", environment="production")


def test_there_are_enough_to_mean_something() -> None:
    assert len(pairs(TELLING)) >= 250
    assert len(pairs(NAMING)) >= 60


@pytest.mark.parametrize(("one", "other"), pairs(TELLING))
def test_what_classifies_an_error_tells_it_apart(one: str, other: str) -> None:
    assert key(one) != key(other)


@pytest.mark.parametrize(("one", "other"), pairs(NAMING))
def test_what_names_an_occurrence_does_not(one: str, other: str) -> None:
    assert key(one) == key(other)
