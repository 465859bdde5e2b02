"""Reports of all shapes from a seed, to compare two implementations of the keys by.

Not meant to be likely, but to reach every rule: stacks of every runtime, spliced and damaged;
messages out of the words and forms that the masking knows; JSON that reads differently elsewhere.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from random import Random

STACKS = (
    """Traceback (most recent call last):
  File "/app/shop/cart.py", line 12, in total
    return sum(prices)
           ^^^^^^^^^^^
  File "/usr/lib/python3.11/json/__init__.py", line 346, in loads
    return _default_decoder.decode(s)
KeyError: 'SUMMER'

During handling of the above exception, another exception occurred:

Traceback (most recent call last):
  File "C:\\\\srv\\\\app\\\\views.py", line 7, in <module>
shop.errors.OutOfStock: item 4711 is gone
""",
    """  + Exception Group Traceback (most recent call last):
  |   File "/srv/app/releases/20260101/x.py", line 3, in main
  |     raise ExceptionGroup("many", errors)
  | ExceptionGroup: many (2 sub-exceptions)
  +-+---------------- 1 ----------------
    | Traceback (most recent call last):
    |   File "/srv/app/x.py", line 9, in <lambda>
    | ValueError: bad
    +---------------- 2 ----------------
    | Traceback (most recent call last):
    |   File "/srv/app/y.py", line 9, in g
    | TypeError: worse
    +---------------- 3 ----------------
    | OSError: never raised
    +------------------------------------
""",
    """TypeError: Cannot read properties of undefined (reading 'id')
    at Object.<anonymous> (/srv/shop/current/dist/server.js:1:20345)
    at async Cart.total [as sum] (file:///app/src/cart.mjs:12:5)
    at new Basket (webpack-internal:///./src/basket.ts?abcd:7:11)
    at /home/anna/shop/node_modules/express/lib/router.js:9:3
    at processTicksAndRejections (node:internal/process/task_queues:95:5) {
  code: 'ERR_X',
  [cause]: RangeError: index 99 out of range
      at inner (https://cdn.example.org/main.0a1b2c3d.chunk.js:2:777)
}""",
    """total@https://shop.example.org/static/main-1a2b3c4d.js:1:9001
global code@https://shop.example.org/index.html:3:4
@debugger eval code:1:7""",
    """Exception in thread "main-7" java.lang.IllegalStateException: order 77 not paid
	at com.shop.Cart.total(Cart.java:42)
	at java.base/java.util.ArrayList.get(ArrayList.java:427) ~[?:?]
	at com.shop.Cart$$Lambda$14/0x0000000800.apply(Unknown Source)
	at jdk.internal.reflect.NativeMethodAccessorImpl.invoke0(Native Method)
Caused by: java.sql.SQLException: ORA-00942: table missing
	at app//org.postgresql.Driver.connect(Driver.kt:3)
	... 12 more
	Suppressed: java.io.IOException: closed
		at com.shop.Io.close(Io.scala:9)""",
    """panic: runtime error: index out of range [5] with length 3

goroutine 17 [running]:
main.(*Cart).total(0xc000010000, 0x5)
	/go/src/shop/cart.go:31 +0x1d
created by main.serve in goroutine 1
	/usr/local/go/src/net/http/server.go:3012 +0x5a
goroutine 18 [select]:
main.other()
	/app/other.go:9""",
    """thread 'tokio-runtime-worker' panicked at src/cart.rs:12:5:
called `Option::unwrap()` on a `None` value
stack backtrace:
   0: rust_begin_unwind
             at /rustc/0a1b2c/library/std/src/panicking.rs:652:5
   1: shop::cart::total::h0123456789abcdef
             at ./src/cart.rs:12:5
   2: core::ops::function::FnOnce::call_once""",
    """thread 'main' panicked at 'bad: 7', src/main.rs:3:9
note: run with `RUST_BACKTRACE=1`""",
    """/app/lib/cart.rb:12:in `total': undefined method `id' for nil (NoMethodError)
	from /usr/lib/ruby/3.2.0/set.rb:501:in 'Set#each'
	from bin/shop:3:in `<main>'
/app/lib/x.rb:1:in `y': second (ArgumentError)""",
    """PHP Fatal error:  Uncaught Shop\\OutOfStock: gone 12 in /var/www/shop/src/Cart.php:31
Stack trace:
#0 /var/www/shop/src/App.php(12): Shop\\Cart->total('x', 5)
#1 [internal function]: Shop\\App->run(Object)
#2 {main}

Next RuntimeException: failed in /var/www/shop/index.php:7
Stack trace:
#0 {main}
  thrown in /var/www/shop/src/Cart.php on line 31""",
    """Unhandled exception. System.InvalidOperationException: no order 9
 ---> System.Exception: inner ---> Shop.Deep: deepest
   at Shop.Db.Get(Int32 id) in /src/Db.cs:line 9
   --- End of inner exception stack trace ---
   at Shop.Cart.Total() in C:\\build\\Cart.cs:line 12
   at System.Linq.Enumerable.First[T](IEnumerable`1 source)
   at Shop.Program.<Main>$(String[] args)""",
    """==123==ERROR: AddressSanitizer: heap-use-after-free on address 0x602000000010
READ of size 4 at 0x602000000010 thread T0
    #0 0x4f5a1b in shop::Cart::total(int) /src/cart.cpp:12:5
    #1 0x7f00aa in __libc_start_main (/lib/x86_64-linux-gnu/libc.so.6+0x29d90)
    #2 main (argc=1) at main.c:7
freed by thread T0 here:
    #0 0x49 in free /build/llvm/asan.cpp:3""",
    """terminate called after throwing an instance of 'std::out_of_range'
  what():  vector::_M_range_check: __n (which is 7) >= this->size() (which is 3)""",
    """** (KeyError) key :total not found in: %{id: 7}
    (shop 0.1.0) lib/shop/cart.ex:12: Shop.Cart.total/1
    (elixir 1.15.0) lib/enum.ex:987: Enum.map/2
    src/thing.erl:9: thing:go/0""",
    """Died: no order 7 at /app/Cart.pm line 12.
	Shop::Cart::total("x", 7) called at bin/shop.pl line 3
	eval {...} called at bin/shop.pl line 2, <STDIN> line 5.""",
    """lua: cart.lua:12: attempt to index a nil value (field 'total')
stack traceback:
	cart.lua:12: in function 'total'
	[C]: in ?
	main.lua:3: in main chunk""",
    """Unhandled exception:
Bad state: No element
#0      List.first (dart:core-patch/growable_array.dart:343:5)
#1      Cart.total (package:shop/cart.dart:12:9)""",
    """panic: no price for order 9 [recovered]
	panic: order failed: no price
	for order 9
[signal SIGSEGV: segmentation violation code=0x1 addr=0x8 pc=0x4ab080]

goroutine 1 gp=0xc0000061c0 m=0 mp=0x59f400 [running]:
main.guard.func1()
	/srv/go/src/shop/guard.go:9 +0x59 fp=0xc00005ac08 sp=0xc00005abc0 pc=0x4ac4d9
panic({0x4bcdc0?, 0x5985a0?})
	/usr/local/go/src/runtime/panic.go:860 +0x13a fp=0xc00005acb8 sp=0xc00005ac08 pc=0x479c3a
main.total(0xc00005ac08)
	/srv/go/src/shop/cart.go:48 fp=0xc00005ad20 sp=0xc00005ad18 pc=0x4ab080""",
    """[2026-11-25 10:00:44] app.ERROR: a {"exception":"[object] (App\\\\Failed(code: 0): order
failed at /srv/shop/current/shop.php:14)
[stacktrace]
#0 /srv/shop/current/shop.php(21): wrap(Object(Closure), 9)
#1 {main}

[previous exception] [object] (App\\\\OutOfStock(code: 0): no item at /srv/shop/current/cart.php:10)
[stacktrace]
#0 /srv/shop/current/shop.php(14): stock(9)
#1 {main}
"} {"uid":"7f2cba8"}""",
    """OutOfStock: no item
of order 9 in /srv/shop/current/shop.php:10
Stack trace:
#0 /srv/shop/current/shop.php(21): stock(9)
#1 {main}""",
    """F, [2026-11-25T10:03:00 #9] FATAL -- : [0a1b2c3d-1234-4abc-9def-0123456789ab] Gone (item 9):
F, [2026-11-25T10:03:00 #9] FATAL -- : [0a1b2c3d-1234-4abc-9def-0123456789ab]
F, [2026-11-25T10:03:00 #9] FATAL -- : [0a1b2c3d-1234-4abc-9def-0123456789ab] a/b.rb:12:in `total'
[0a1b2c3d-1234-4abc-9def-0123456789ab] app/controllers/carts_controller.rb:5:in `show'""",
    """=ERROR REPORT==== 25-Nov-2026::10:53:56.919719 ===
** Generic server <0.79.0> terminating
** Reason for termination ==
** {{no_item,9},[{shop,stock,2,[{file,"src/shop.erl"},{line,8}]},
                 {gen_server,try_handle_call,4,
                             [{file,"gen_server.erl"},{line,1149}]}]}
** Client <0.9.0> stacktrace""",
    """** exception error: no function clause matching shop:only(9) (shop.erl, line 14)
     in call from shop:run/2 (shop.erl, line 33)""",
    """** (FunctionClauseError) no function clause matching in Shop.Cart.only/1
    (shop 1.2.3) lib/shop/cart.ex:13: Shop.Cart.only(9)
    (stdlib 4.2) gen_server.erl:1123: :gen_server.try_handle_call/4""",
    """out of stock
   0# shop::stock(int) at /srv/shop/current/cart.cpp:7
   1# main at /srv/shop/current/main.cpp:14 (discriminator 4)
   2# 0x00007F464384524A in /lib/x86_64-linux-gnu/libc.so.6""",
    """[ERROR] FATAL UNHANDLED EXCEPTION: Failed: order failed ---> OutOfStock: no item 9
  at Shop.Stock (System.Int32 n) [0x00011] in <1873a317fb14412d9c7cabe718edd421>:0
   --- End of inner exception stack trace ---
  at Shop.Main (System.String[] args) [0x001d1] in <1873a317fb14412d9c7cabe718edd421>:0
---> (Inner Exception #0) OutOfStock: no item 9<---""",
    """thread 'main' (29208) panicked at src/main.rs:9:15:
saving order 9 failed

Caused by:
    disk full
stack backtrace:
   0: __rustc::rust_begin_unwind
             at ./rustc/59807616e1fa2540724bfbac14d7976d7e4a3860/library/std/src/panicking.rs:689:5
   1: shop::save
             at ./srv/shop/current/src/main.rs:9:15""",
    """2026-11-25T10:11:12.123Z [4711] ERROR shop.cart: failed for user 99 (cart.py:31)
Nov 25 10:11:12 web-7 sshd[4711]: error: maximum attempts
E1125 10:11:12.123456   12 server.go:77] lost 10.0.0.7:52044""",
)
WORDS = (
    *("user", "order", "userId", "request_id", "status", "code", "exit", "errno", "HTTP", "port"),
    *("at", "pid", "line", "version", "range", "timeout", "after", "size", "worker", "shard", "in"),
    *("sqlstate", "latency", "host=", "session=", '"trace_id":', "token:", "id=", "Tue,", "Nov"),
    *("failed", "for", "ms", "rows", "MB", "bytes", "%", "µs", "Straße", "Größe", "注文", "ﬁ", "Ⅷ"),
    *("api", "e", "v", "---", "[", "]", "( ", "*", "#", "--", ",", "pod", "index", "K", "İd", "ΑΣ"),
)
FORMS = (
    *("{d}", "{d}{d}", "{n}", "{n}ms", "{n}.{d}s", "{n}%", "-{n}", "[{n}]", "items[{n}]", "'{n}'"),
    *(
        "0x{h}",
        "{h}",
        "{H}",
        "{h}-{h}",
        "v{d}.{d}.{n}",
        "{d}.{d}",
        "{n}.{n}",
        "{u}",
        "<{u}>",
        "({u})",
    ),
    *("10.{d}.{d}.{d}", "10.{d}.{d}.{d}:{p}", "127.0.0.1:{p}", "1.2.3.4.5", "fe80::{d}:{h}", "::1"),
    *(
        "2026-11-{t}",
        "2026-11-{t}T10:{t}:{t}.{d}Z",
        "[2026/11/{t}",
        "10:{t}:{t}",
        "10:{t}:{t},{n}]",
    ),
    *("25/Nov/2026:10:{t}:{t}", "20261125T101112", "E1125", "{n}#0:", "{n}:M", "{n}:", "*{n}"),
    *("a{n}@example.org", "<b@x.co>", "https://api{d}.example.org:{p}/v{d}/users/{n}?page={d}#x"),
    *("http://10.0.0.{d}/status/{d}", "s3://bucket-{h}/a/{n}/é{n}.txt", "nats://a:b@h{n}:4222."),
    *("/srv/app/releases/{n}/x.py:{d}", "/tmp/{h}/é{n}", "C:\\Users\\x{n}\\a.txt", "/{n}", "a/{n}"),
    *(
        "./x/{n}.js",
        "shop-{h}-abcde",
        "worker-{n}",
        "orders_{n}",
        "us-east-{d}",
        "s{d}",
        "thread{n}",
    ),
    *("web-{n}.eu.example.org", "Cart@{h}", "userId={n}", '"user_id":"a{n}"', "key='k{n}'", "{T}"),
    *("file.py:{n}", "main.go:{n}:", "SQLSTATE[{n}]", "E{n}", "ORA-{n}", "2147{n}{n}", "-2147{n}"),
    *(
        "½{n}",
        "{n}²",
        "٣{n}",
        "😀{n}",
        "{n}😀",
        "\u200b{n}",
        "é{n}@",
        "\ufeff{n}",
        "{n}\x85",
        "{n}\xa0x",
    ),
)
FILES = (
    *(
        "/app/src/cart.js",
        "node:internal/x",
        "/srv/shop/current/lib/a.rb",
        "src/a.rs",
        "C:\\a\\b.cs",
    ),
    *(
        "/home/anna/shop/node_modules/x/i.js",
        "webpack:///./a.ts?x",
        "https://h/a.0a1b2c3d4e.js",
        "",
    ),
    *(
        "main.go",
        "../../x.py",
        "/go/pkg/mod/x@v1/y.go",
        "<anonymous>",
        "/é/😀/a.py",
        "a" * 1200 + "/b.py",
    ),
)
NUMBERS = (
    *("0", "-0", "1", "17", "1.0", "1e3", "-0.0", "1E-7", "12345678901234567890", "1e400", "0.1"),
    *("9007199254740993", "9007199254740993.0", "1e16", "123456789012345680.0", "5e-324", "NaN"),
    *("-Infinity", "999999999", "1000000000", "2e0", "-3", "1.5"),
)
NAMES = (
    "total",
    "Cart.total",
    "async f",
    "new X",
    "<lambda>",
    "f [as g]",
    "x::h0123456789abcdef",
    "",
)
MORE_NAMES = ("É", "Proxy12", "a$$Lambda$5/0x7", "Größe.summe", "𝒻", "名前", "_ZN4shop", "x.isra.0")


class _Maker:
    def __init__(self, seed: int) -> None:
        self.pick = Random(seed)

    def form(self) -> str:
        pick = self.pick
        digits = "".join(pick.choices("0123456789", k=pick.choice((1, 2, 3, 4, 5, 6, 7, 10))))
        values = {
            "d": str(pick.randrange(10)),
            "n": digits,
            "h": "".join(pick.choices("0123456789abcdef", k=pick.choice((4, 7, 8, 9, 16, 32)))),
            "H": "".join(pick.choices("0123456789ABCDEF", k=pick.choice((7, 8, 9)))),
            "u": "-".join(
                "".join(pick.choices("0123456789abcdef", k=size)) for size in (8, 4, 4, 4, 12)
            ),
            "p": str(pick.choice((80, 4222, 32767, 32768, 52044))),
            "t": f"{pick.randrange(60):02d}",
            "T": "".join(pick.choices("abcXYZ019_-", k=pick.choice((8, 16, 20, 24)))),
        }
        text = pick.choice(FORMS)
        for name, value in values.items():
            text = text.replace(f"{{{name}}}", value)
        return text

    def message(self) -> str:
        pick = self.pick
        parts = [
            pick.choice(WORDS) if pick.random() < 0.5 else self.form()
            for _ in range(pick.choice((1, 2, 3, 5, 8, 13)))
        ]
        text = pick.choice((" ", " ", " ", "", "=", ": ", "\t", "\n", "  ")).join(parts)
        if pick.random() < 0.3:
            kind = pick.choice(("TypeError", "shop.errors.Gone", "Shop::Gone", "X", "Uncaught E"))
            text = f"{kind}: {text}"
        if pick.random() < 0.03:
            text = f"{text} {'€' * pick.choice((1480, 2100))} {self.form()} {text}"
        if pick.random() < 0.05:
            text += pick.choice(
                (" at x.pl line 7.", " in /a/b.php:12", " in /a on line 3", "\n", "\v")
            )
        return text

    def stack(self) -> str:
        pick = self.pick
        text = pick.choice(STACKS)
        lines = text.split("\n")
        for _ in range(pick.choice((0, 0, 1, 2, 4))):
            self._damage(lines)
        if pick.random() < 0.02:
            lines *= pick.choice((40, 120))
        if pick.random() < 0.05:
            lines[pick.randrange(len(lines))] += "x" * 1100
        text = pick.choice(("\n", "\n", "\n", "\r\n")).join(lines)
        return text.replace("4711", pick.choice(("4711", "1", self.form())))

    def _damage(self, lines: list[str]) -> None:
        pick = self.pick
        at = pick.randrange(len(lines))
        line = lines[at]
        cut = pick.randrange(len(line) + 1)
        act = pick.randrange(7)
        if act == 0 and len(lines) > 1:
            del lines[at]
        elif act == 1:
            lines[at:at] = [line] * pick.choice((1, 2, 60))
        elif act == 2:
            lines[at] = (
                line[:cut]
                + pick.choice(
                    ("é", "😀", "\x1b[31m", '"', ")", "(", ":", " in ", "@", "\u2028", "|", "\xa0")
                )
                + line[cut:]
            )
        elif act == 3:
            lines[at] = line[:cut] + line[cut + pick.randrange(4) :]
        elif act == 4:
            lines[at:at] = pick.choice(STACKS).split("\n")
        elif act == 5:
            lines.insert(at, self.message().replace("\n", " "))
        else:
            lines[at] = " " * pick.randrange(9) + line.strip()

    def value(self, depth: int = 0) -> str:
        """JSON of any kind, as text."""
        pick = self.pick
        kind = pick.randrange(9)
        if kind < 2 or depth > 3:
            return pick.choice(NUMBERS)
        if kind < 5:
            return self.quoted(self.message())
        if kind == 5:
            return pick.choice(("null", "true", "false"))
        if kind == 6:
            return "[" + ", ".join(self.value(depth + 1) for _ in range(pick.randrange(4))) + "]"
        items = (f"{self.quoted(pick.choice(WORDS))}: {self.value(depth + 1)}" for _ in range(2))
        return "{" + ",".join(items) + "}"

    def quoted(self, text: str) -> str:
        pick = self.pick
        written = json.dumps(text, ensure_ascii=pick.random() < 0.5)
        if pick.random() < 0.02:
            bad = pick.choice((r"\ud800", r"\udc00x", r"\u0000", r"\ud83d\ude00", r"\/", r"\u2028"))
            written = f'{written[:-1]}{bad}7{bad}"'
        return written

    def or_other(self, text: str) -> str:
        return self.quoted(text) if self.pick.random() < 0.93 else self.value()

    def frame(self) -> str:
        pick = self.pick
        fields = {
            "file": self.or_other(pick.choice(FILES)),
            "line": pick.choice(NUMBERS) if pick.random() < 0.9 else self.value(),
            "column": pick.choice((*NUMBERS, "501", "7")),
            "function": self.or_other(pick.choice((*NAMES, *MORE_NAMES))),
            "module": self.or_other(pick.choice(("", "java.util", "shop.cart", "runtime"))),
            "in_app": pick.choice(("true", "false", "null", "1")),
        }
        kept = {name: text for name, text in fields.items() if pick.random() < 0.7}
        return "{" + ", ".join(f'"{name}": {text}' for name, text in kept.items()) + "}"

    def frames(self) -> str:
        pick = self.pick
        some = [self.frame() for _ in range(pick.choice((0, 1, 2, 3, 6)))]
        if pick.random() < 0.2:
            some *= pick.choice((2, 30, 110))
        if pick.random() < 0.1:
            some.append(self.value())
        return f"[{', '.join(some)}]"

    def fingerprint(self) -> str:
        pick = self.pick
        parts = [pick.choice(('"{{default}}"', '"{{ default }}"', self.value())) for _ in range(3)]
        return f"[{', '.join(parts[: pick.randrange(4)])}]"

    def report(self) -> str:
        pick = self.pick
        fields: dict[str, str] = {}
        if pick.random() < 0.9:
            fields["error"] = self.or_other(self.stack() if pick.random() < 0.1 else self.message())
        if pick.random() < 0.6:
            fields["stack"] = self.or_other(self.stack())
        kinds = ("TypeError", "shop.errors.Gone", "É", "X")
        makers: dict[str, Callable[[], str]] = {
            "type": lambda: self.or_other(pick.choice(kinds)),
            "code": self.value,
            "message_template": lambda: self.or_other(self.message()),
            "release": self.value,
            "service": self.value,
            "fingerprint": self.fingerprint,
        }
        for name, make in makers.items():
            if pick.random() < 0.2:
                fields[name] = make()
        if pick.random() < 0.3:
            fields["frames"] = self.frames()
        if pick.random() < 0.4:
            line = pick.choice((*NUMBERS, '"12"', '"000"', '"1234567890"', '"１２"', "null"))
            file = self.or_other(pick.choice(FILES))
            fields["context"] = f'{{"file": {file}, "line": {line}, "release": {self.value()}}}'
        text = "{" + ", ".join(f'"{name}": {value}' for name, value in fields.items()) + "}"
        return self._mangled(text) if pick.random() < 0.02 else text

    def _mangled(self, text: str) -> str:
        pick = self.pick
        cut = pick.randrange(len(text) + 1)
        bad = pick.choice(
            ("", "\\", '"', ",", "}", "\x01", "01", "+1", "\ufeff", " ", "'", "[" * 70)
        )
        return text[:cut] + bad + text[cut + pick.randrange(2) :]


def generated_reports(count: int, seed: int) -> Iterator[str]:
    """The JSON of so many reports; a few of them are none."""
    maker = _Maker(seed)
    for _ in range(count):
        yield maker.report()
