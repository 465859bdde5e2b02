"""What version 1 of the signature is made of: its caps, word lists and patterns. Frozen.

A port to another language copies these (``clients/node/tables.py`` writes them as JSON). The
patterns are those that Python, JavaScript (with the flag ``u``) and RE2 read alike: ASCII classes,
no look-around, no back-references, no dot, numbered groups alone. They run on one line, or on one
word of a message, so that ``$`` is always the end of the text.
"""

from __future__ import annotations

from typing import Final

VERSION: Final = "v1"

CAPS: Final = {
    "line": 1024,  # code points of one line of a stack
    "stack": 256 * 1024,  # code points of a stack: two thirds of its head, one of its tail
    "lines": 1200,  # lines of a stack: 800 of its head, 400 of its tail
    "message": 2000,  # code points of a message: 1500 of its head, 500 of its tail
    "parts": 250,  # parts of a message that are looked at for masks; of all causes together 100
    "cause_parts": 100,
    "frames": 50,  # calls that are hashed: 25 outermost, 25 innermost
    "causes": 10,
    "cycle": 4,  # calls of the longest cycle that is collapsed
    "path": 400,  # code points of a file's path: its end
    "name": 400,  # code points of a function's name: its beginning
    "minified_column": 500,  # from this column on a line is a bundle's
    "port": 32768,  # ports from here on are ephemeral
}

# Numbers after these words are identifiers or amounts.
ID_WORDS: Final = (
    "id ids user users uid gid customer customers account accounts tenant order orders item items "
    "invoice cart product ticket task tasks job jobs session request requests req transaction txn "
    "process pid ppid tid tgid lwp thread worker goroutine row rows record records attempt retry "
    "index idx offset position pos begin end shard partition batch chunk page amount balance price "
    "quantity qty tick message seq sequence connection conn client instance entry document doc "
    "object entity member profile subscription payment shipment booking reservation event run build "
    "pipeline execution invocation spid lsn inode token cookie serial epoch timestamp ts time "
    "duration elapsed took latency blocked socket handle fd pk txid oid pod replica "
    "statement generation revision block height nonce counter iteration round ticks"
)
# Numbers after these words are sizes: masked from four digits on.
MEASURE_WORDS: Final = (
    "length len size bytes byte count total capacity limit max maximum min minimum used free "
    "available remaining got have has need needs of to than is are was were least most usage node "
    "host number for allocate allocating allocated requested reading writing read wrote sent received"
)
# Numbers after these words classify, whatever else is said of them.
CLASS_WORDS: Final = (
    "err error errors errno code codes status http https signal sig exit exited exitcode rc ret "
    "retval returned return returns state sqlstate sqlcode reason level version ver v rev release "
    "utf sha md base iso cp tls ssl ssh ipv int uint float double long short char bit bits x port "
    "errorcode statuscode status_code error_code exit_code exit_status error_number err_no errcode "
    "hresult ntstatus lasterror last_error oserror winerror alert response responded reply result "
    "line column col field argument arg param parameter type kind phase step stage severity priority "
    "class category bug issue rfc cve ora tns pls sp si_code sqlite mysql protocol proto opcode op "
    "method api abi format schema migration option flag mode fault exception trap vector interrupt "
    "syscall register bus slot gpu cpu core device dev disk channel lane pin gpio layer dimension dim "
    "rank axis year python java node.js nodejs go rust php ruby perl gcc clang glibc cuda"
)
# An index or a position of one of these classifies.
ORDINAL_WORDS: Final = "undefined column col field argument arg parameter param"
# What follows is the name of one of many, whose number is its own.
HOLDER_WORDS: Final = (
    "pod pods node host container instance worker broker replica server machine vm"
)
# Names that a number belongs to: ``s3``, ``us-east-1``, ``orders_v2``.
VERSIONED: Final = (
    "east west north south central northeast southeast northwest southwest us eu ap sa ca af me v "
    "ver version r rc beta alpha s ec k n i h p ed x mp oauth log http ssl tls tcp udp ip ipv utf "
    "utf8 sha sha2 md aes des rsa base crc iso latin cp ucs win int uint float double char string "
    "arm amd i lib libc python ruby php java perl node jdk jre es vue angular tier level lvl step "
    "phase stage grade rule error err code sd hd nvme eth en wlan lo tty pts md dm xvd vd loop "
    "addr address line field column col arg param option choice part section chapter round figure "
    "table key class type mode group day week month year quarter q fy c b d e f g j l m o q t u w y z"
)
# What comes before ``-7`` or ``_7`` in the name of one instance of many.
INSTANCE_WORDS: Final = (
    "thread threads worker workers pool exec executor executors thread-pool dispatcher task tasks "
    "job jobs consumer producer replica shard partition instance pod node host runner goroutine "
    "process proc eventloop group conn connection client session request req scheduling "
    "nioeventloopgroup epolleventloopgroup forkjoinpool asyncpool threadpoolexecutor container "
    "backend broker agent attempt loop fiber actor coroutine web app db cache queue api server "
    "user order item cart customer tenant account invoice product upload tmp temp batch chunk test "
    "scheduler boundedelastic parallel elastic"
)
# A value with a digit after ``word=`` or ``"word":`` is one occurrence's own.
IDENTITY_WORDS: Final = (
    "id request_id requestid req_id reqid x-request-id correlation_id correlationid correlation-id "
    "trace trace_id traceid trace-id span span_id spanid span-id session session_id sessionid "
    "session-id host hostname pod pod_name node node_name container container_id containerid "
    "instance instance_id user username user_name user_id userid customer customer_id account "
    "account_id tenant tenant_id order order_id job job_id task task_id worker thread thread_name "
    "token nonce etag txn txid transaction transaction_id transactionid uid guid uuid key_id "
    "message_id messageid msg_id event_id run_id build_id pid tid client client_id peer remote addr "
    "address email login handle sid rid cid"
)
# Words after a number that make it a measure.
UNITS: Final = (
    "ns us ms s sec secs second seconds min mins minute minutes hour hours day days week weeks "
    "\u00b5s \u03bcs nanoseconds microseconds milliseconds millis nanos micros usec msec nsec "
    "b kb mb gb tb pb kib mib gib tib byte bytes kbytes mbytes octets kilobytes megabytes gigabytes"
)
# Words after a number of three digits and more that make it a count.
COUNTED: Final = (
    "row rows key keys item items record records message messages entry entries retries times "
    "files connections requests objects elements documents events tokens characters chars pages "
    "blocks lines users goroutines threads tasks jobs inodes attempts packets queries"
)
POINTER_WORDS: Final = "at addr address pc ptr pointer sp bp rip rsp rbp ip lr object from to"
MONTHS: Final = "jan feb mar apr may jun jul aug sep oct nov dec"
WEEKDAYS: Final = "mon tue wed thu fri sat sun"
ZONES: Final = "utc gmt z cet cest est edt pst pdt bst am pm"
# Addresses that are the same everywhere.
FIXED_ADDRESSES: Final = "0.0.0.0 127.0.0.1 255.255.255.255 169.254.169.254"

# Packages of Go and Rust that are their runtimes'.
LIBRARY_PACKAGES: Final = (
    "runtime testing net reflect syscall sync internal std core alloc tokio rayon rust_begin_unwind "
    "_start __libc_start_main"
)

# Applications of Erlang's and Elixir's own, and those that nearly every Elixir program is made of.
LIBRARY_APPS: Final = (
    "elixir stdlib kernel erts compiler logger iex eex mix ex_unit crypto ssl inets mnesia "
    "phoenix phoenix_live_view phoenix_html phoenix_pubsub plug plug_cowboy plug_crypto bandit cowboy "
    "cowlib ranch thousand_island ecto ecto_sql db_connection postgrex myxql telemetry jason poison "
    "oban broadway gen_stage absinthe tesla finch mint hackney httpoison req decimal gettext "
    # Erlang's own modules, by which its crashes name calls.
    "proc_lib gen gen_server gen_statem gen_event gen_fsm supervisor application_master erl_eval "
    "erl_internal init shell lists maps proplists ets dets timer string binary io io_lib file "
    "error_handler code_server rpc erpc erlang orddict dict sets ordsets queue unicode"
)

# A file below one of these folders is a library's.
LIBRARY_FOLDERS: Final = (
    "site-packages dist-packages node_modules bower_components vendor gems .rustup rustc .m2 .gradle "
    ".pub-cache __pypackages__ .nuget deps elixir jspm_packages .yarn sysdeps csu nptl libsanitizer bits "
    "libstdc++-v3 libsupc++"
)

# What stands in quotes behind one of these is the value that could not be read; some of it is a
# name in other messages, but never here.
DATA_PHRASES: Final = (
    'For input string: "',
    'from String "',
    'Unparseable date: "',
    "invalid literal for int() with base 10: '",
    "invalid literal for int() with base 16: '",
    "could not convert string to float: '",
    "Invalid isoformat string: '",
    "time data '",
    'invalid value for Integer(): "',
    'invalid value for Float(): "',
    'strconv.Atoi: parsing "',
    'strconv.ParseInt: parsing "',
    'strconv.ParseUint: parsing "',
    'strconv.ParseFloat: parsing "',
    'strconv.ParseBool: parsing "',
    'parsing time "',
    'invalid input syntax for type integer: "',
    'invalid input syntax for type bigint: "',
    'invalid input syntax for type numeric: "',
    'invalid input syntax for type uuid: "',
    'invalid input syntax for type date: "',
    'invalid input syntax for type boolean: "',
    'invalid input syntax for type double precision: "',
    "Duplicate entry '",
    "Incorrect integer value: '",
    "Incorrect decimal value: '",
    "Incorrect date value: '",
    "Incorrect datetime value: '",
    "Truncated incorrect INTEGER value: '",
    "Truncated incorrect DOUBLE value: '",
    "The input string '",
)

WORDS: Final = {
    "library_folder": LIBRARY_FOLDERS,
    "library_package": LIBRARY_PACKAGES,
    "library_app": LIBRARY_APPS,
    "id": ID_WORDS,
    "measure": MEASURE_WORDS,
    "class": CLASS_WORDS,
    "versioned": VERSIONED,
    "ordinal": ORDINAL_WORDS,
    "holder": HOLDER_WORDS,
    "instance": INSTANCE_WORDS,
    "identity": IDENTITY_WORDS,
    "unit": UNITS,
    "counted": COUNTED,
    "pointer": POINTER_WORDS,
    "month": MONTHS,
    "weekday": WEEKDAYS,
    "zone": ZONES,
    "fixed_address": FIXED_ADDRESSES,
}

_UUID: Final = "[0-9A-Fa-f]{8}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{12}"
_CLOCK: Final = "[0-9]{1,2}:[0-9]{2}:[0-9]{2}(?:[.,][0-9]{1,9})?"
_ZONE: Final = "(?:Z|[+-][0-9]{2}:?[0-9]{2})?"
_TIME: Final = (
    "(?:[0-9]{4}-[0-9]{2}-[0-9]{2}|[0-9]{4}/[0-9]{2}/[0-9]{2})"
    f"(?:[T_][0-9]{{2}}:[0-9]{{2}}(?::[0-9]{{2}}(?:[.,][0-9]{{1,9}})?)?{_ZONE}|Z)?"
    "|[0-9]{8}T[0-9]{4,6}(?:[.][0-9]{1,9})?Z?"
    "|[0-9]{1,2}/[A-Z][a-z]{2}/[0-9]{4}:[0-9]{2}:[0-9]{2}:[0-9]{2}"
    f"|{_CLOCK}{_ZONE}"
)
_MAC: Final = "[0-9A-Fa-f]{2}(?::[0-9A-Fa-f]{2}){5}"
_IPV6: Final = (
    "(?:[0-9A-Fa-f]{1,4}:){7}[0-9A-Fa-f]{1,4}|(?:[0-9A-Fa-f]{1,4}:){1,6}(?::[0-9A-Fa-f]{1,4}){1,6}"
)
_IPV4: Final = "[0-9]{1,3}[.][0-9]{1,3}[.][0-9]{1,3}[.][0-9]{1,3}"
_WORD: Final = "[A-Za-z0-9_\u00b5\u03bc]+(?:[.-]+[A-Za-z0-9_\u00b5\u03bc]+)*"
# The empty groups at the end of each alternative say which one it was.
_PLAIN: Final = (
    f"(?:{_UUID})()|(?:{_MAC})()|(?:{_TIME})()|(?:{_IPV6})()|(?:{_IPV4})()|0x[0-9A-Fa-f]+()"
    f"|{_WORD}()"
)
_URL: Final = "[a-z][a-z0-9+.-]{1,15}://[^\"'<>|`)\\]},]*"
_EMAIL: Final = "[A-Za-z0-9._%+-]{1,64}@[A-Za-z0-9-]{1,63}(?:[.][A-Za-z0-9-]{1,63}){1,8}"
_PATH: Final = "(?:[A-Za-z]:)?[\\\\/]+[^\"'<>|()\\[\\]{},;:*?=`]{2,400}"

PATTERNS: Final = {
    # Masking: what a word is made of, with and without URLs, e-mails and paths.
    "plain": _PLAIN,
    "rich": f"{_URL}()|{_EMAIL}()|(?:{_PATH})()|{_PLAIN}",
    "special": "[0-9@/\\\\]",
    "measured": (
        "[0-9]+(?:[.][0-9]+)?(?:ns|us|ms|s|sec|secs|m|min|h|d|[KMGTP]i?B|kB|[KMG]i?|kb|mb|gb|bytes|B"
        "|\u00b5s|\u03bcs)|(?:[0-9]+h)?[0-9]+m[0-9]+(?:[.][0-9]+)?s"
    ),
    "uuid": _UUID,
    "pod": "([a-z][a-z0-9-]*)-[0-9a-f]{7,10}-[a-z0-9]{5}",
    "lettered": "([A-Za-z]+)([0-9]+)",
    "digits": "[0-9]+",
    "number": "[0-9]+(?:[.][0-9]+)?",
    "day": "(?:[0-9]{1,2}|[0-9]{4})?",
    "decimal": "[0-9]+[.][0-9]+",
    "hex": "[0-9A-Fa-f]+",
    "hash_code": "[0-9a-f]{4,16}",
    "host_ip": "ip-[0-9]{1,3}-[0-9]{1,3}-[0-9]{1,3}-[0-9]{1,3}",
    "ranged": "[0-9]+(?:-[0-9]+)+",
    "offset": "^[+-][0-9]{2}:?[0-9]{2}\\]?$",
    "program": "^[A-Za-z][A-Za-z0-9_./-]*(?:\\[[0-9]+\\])?:$",
    "host": "^[A-Za-z0-9][A-Za-z0-9_.:-]*$",
    "pieces": "([-_]+)",
    "word_backwards": "[A-Za-z0-9_.-]*[A-Za-z_]",
    "place": "[.][A-Za-z]{1,5}:$",
    "perl_end": " at [^ ]+ line [0-9]+(?:, <[^>]{0,40}> (?:line|chunk) [0-9]+)?[.]?$",
    "php_end": " in [^ ]+(?::[0-9]+| on line [0-9]+)$",
    "ansi": "\u001b\\[[0-9;]{0,20}[A-Za-z]",
    # Places: whose code a file is, and what of its path is the deployment's.
    "library_path": (
        "/(?:lib(?:64|32)?/(?:python[0-9.]*|ruby|perl5?|php[0-9.]*|node|jvm|go[0-9.-]*|erlang|elixir"
        "|lua|dotnet|mono|x86_64-linux-gnu|aarch64-linux-gnu|gcc)/"
        "|usr/(?:lib|lib64|share|include|libexec|local/(?:lib|share|include|go))/"
        "|go[0-9.-]*/src/(?:runtime|net|os|io|reflect|sync|testing|encoding|fmt|bufio|context"
        "|database|internal|syscall|strconv|strings|time|errors|crypto|compress|text|html|sort)/"
        "|pkg/mod/|[.]cargo/(?:registry|git)/|erts-[0-9.]+/)"
    ),
    "library_start": (
        "(?:node:|internal/|native|<|\\[|ext:|deno:|chrome-extension:|moz-extension:"
        "|safari-web-extension:|dart:|package:flutter/|/(?:lib|lib64|nix/store|proc"
        "|build/(?:glibc|gcc|python)[^/]*)/"
        # The C library's own, as gdb names them where its symbols are installed.
        "|[.]/(?:assert/assert|debug/[a-z_]*(?:fail|chk)|elf/(?:dl-|rtld)"
        "|libio/(?:libc_fatal|genops|fileops|io)|malloc/(?:malloc|arena|hooks)|signal/(?:raise|sigaction)"
        "|stdio-common/v?[a-z]*(?:printf|scanf)|stdlib/(?:abort|exit|cxa_|msort|qsort|bsearch|strto)"
        "|string/(?:str|mem))[a-z0-9_-]*[.][chS]$"
        "|(?:[.]/)?src/(?:exit/(?:abort|assert)|signal/(?:raise|block)|env/__[a-z_]+|string/(?:str|mem)[a-z]+"
        "|malloc/mallocng/[a-z]+)[.]c$)"
    ),
    "library_module": (
        "^(?:java|javax|jdk|sun|com[.]sun|kotlin|kotlinx|scala|groovy|clojure|jakarta"
        "|org[.]springframework|org[.]apache|org[.]hibernate|org[.]eclipse|org[.]junit|org[.]slf4j"
        "|org[.]jboss|org[.]postgresql|org[.]gradle|org[.]codehaus|com[.]google|com[.]fasterxml"
        "|com[.]mysql|com[.]zaxxer|com[.]intellij|com[.]amazonaws|software[.]amazon|ch[.]qos"
        "|io[.]netty|io[.]grpc|io[.]micrometer|io[.]undertow|io[.]vertx|io[.]quarkus|io[.]micronaut"
        "|io[.]reactivex|reactor|akka|play|okhttp3|okio|retrofit2|android|androidx|dalvik"
        "|com[.]android|System|Microsoft|Mono|mscorlib|Newtonsoft|Interop|MS)[./$]"
    ),
    "origin": "^(?:webpack(?:-internal)?:/{2,3}|[a-z][a-z0-9+.-]{1,15}://[^/]*/?)",
    "root": (
        "^(?:[^:]*/)?(?:releases/[^/]+|site-packages|dist-packages|node_modules|vendor/bundle"
        "|[.]cargo/registry/src/[^/]+|pkg/mod|__w/[^/]+/[^/]+)/"
        "|^/(?:[^/]+/)*(?:current|wwwroot|htdocs|public_html)/"
        "|^/(?:home|Users)/[^/]+/(?:src|code|work|projects|repos|git|go/src|dev|apps|www)/[^/]+/"
        "|^/(?:home|Users)/[^/]+/[^/]+/"
        "|^/(?:root|mnt|media|var/www|usr/src|usr/local|var/app|workspaces|github|srv/www"
        "|opt/apps|srv/apps|private/tmp|var/tmp|var/folders/[^/]+/[^/]+/T)/[^/]+/"
        "|^/(?:srv|opt|tmp|build|builds)/[^/]+/"
        "|^/(?:app|code|workspace|workdir|src|project|function|data|application|usr/app|var/task|work)/"
    ),
    "bundle_hash": "[.-][0-9A-Za-z_]{0,20}[0-9][0-9A-Za-z_]{0,20}[.](?:(?:chunk|bundle|min)[.])?(?:m?js|css)$",
    "bare_place": "^(?:[^ ]+:[0-9]+$|#[0-9]+ |[0-9]+# )",
    "generated": (
        "0x[0-9a-f]{5,16}|::h[0-9a-f]{16}|[$][$]Lambda[$/0-9a-fx]*|[$]Proxy[0-9]+"
        "|GeneratedMethodAccessor[0-9]+|GeneratedConstructorAccessor[0-9]+"
        "| \\[as [^\\]]*\\]|[$][$](?:EnhancerBy|FastClassBy|SpringCGLIB)[A-Za-z$]*[0-9a-f$]*"
        "|[.](?:isra|constprop|part|cold|llvm)(?:[.][0-9]+)?|fn__[0-9]{2,}|ByteBuddy[$][A-Za-z0-9]+"
        "|_javassist[_0-9]+|[{]closure:/[^}]*[}]|\\[[0-9a-f]{16}\\]"
    ),
    # Stacks: one line of each runtime.
    "stamp": (
        "^(?:\\[[0-9]{2}-[A-Z][a-z]{2}-[0-9]{4} [^\\]]{8,40}\\] "
        "|[A-Z], \\[[^\\]]{10,60}\\] +[A-Z]+ -- [^:]{0,60}: )?(?:\\[[0-9a-f]{8}-[0-9a-f-]{27}\\] ?)?"
    ),
    "log_line": (
        "^(?:[0-9]{4}[-/][0-9]|[0-9]{2}:[0-9]{2}|[A-Z][a-z]{2} +[0-9]{1,2} |[\\[{<]"
        "|(?:DEBUG|INFO|WARN|WARNING|ERROR|CRITICAL|FATAL|TRACE|NOTICE)[^A-Za-z0-9_])"
    ),
    "node_code": "^code: (?:'[^']{1,60}'|[0-9]{1,9}),?$",
    "offset_digits": "^([0-9a-f]{1,7})\\]",
    "ruby": "^(?:[0-9]+: )?(?:from )?((?:[A-Za-z]:|<internal:)?[^: ][^:]*):([0-9]+):in [`']([^']*)'(?:: ([^\\n]*))?$",
    "php": "^#[0-9]+ ([^(]*)\\(([0-9]+)\\): ([^(]*)",
    "php_thrown": " in ([^ ]+?)(?::| on line )([0-9]+)$",
    "dart": "^#[0-9]+ +([^(]*) \\(([^()]*)\\)$",
    "native": "^#[0-9]+ +(?:0x[0-9a-f]+ )?(?:in )?([^\\n]*)$",
    "go": "^([^ ]+[.](?:go|s)):([0-9]+)(?: \\+0x[0-9a-f]+)?(?: fp=0x[0-9a-f]+ sp=0x[0-9a-f]+ pc=0x[0-9a-f]+)?$",
    "elixir": "^(?:\\(([a-z0-9_]*)[^)]*\\) )?((?:[A-Za-z]:)?[^ :]+[.](?:exs?|erl)):([0-9]+): ([^\\n]*)$",
    "lua": "^((?:[A-Za-z]:)?[^ :]+|\\[C\\]):([0-9]*):? ?in ([^\\n]*)$",
    "sanitizer": "^==[0-9]+==ERROR: ([A-Za-z]+: [A-Za-z0-9_-]+)([^\\n]*)$",
    "lua_place": "(?:^| )((?:[A-Za-z]:)?[^ :]+[.]lua):([0-9]+): ",
    "lua_title": (
        "^(?:(?:[A-Za-z0-9_.-]+: )?(?:[A-Za-z]:)?[^ :]+:[0-9]+: |lua[a-z0-9.]*: )?([^\\n]*)$"
    ),
    "rails_title": "^([A-Z][A-Za-z0-9_]*(?:::[A-Z][A-Za-z0-9_]*)*) \\(([^\\n]*)\\):$",
    "monolog": (
        "\\[object\\] \\(([A-Za-z_][A-Za-z0-9_\\\\]*)\\(code: [^)]{0,40}\\): ((?:[^\\n]|\\n)*) at ([^ ]+):([0-9]+)\\)"
    ),
    "erlang_term": (
        "\\{('[^' ]{1,60}'|[a-z][A-Za-z0-9_@]*),('[^' ]{1,60}'|[a-z][A-Za-z0-9_@]*),"
        "([0-9]+|\\[[^\\]]{0,300}\\]),"
        ' ?\\[\\{file,"([^"]{1,300})"\\}, ?\\{line,([0-9]+)\\}'
    ),
    "erlang_place": (
        "(?:^| )([^ ]{1,300}) \\(([^ ,()]{1,300}[.](?:erl|hrl|ex|exs)), line ([0-9]+)\\)"
    ),
    "perl_at": " at ([^ ]+) line ([0-9]+)[.,]?",
    "source": "(?:^|[ ('\"\\[=])((?:[A-Za-z]:)?[^ :'\"()\\[\\]=]{1,300}[.][A-Za-z]{1,5}):([0-9]{1,7})",
    "type": "^[A-Za-z_][A-Za-z0-9_]*(?:(?:[.]|::|[$]|\\\\|/)[A-Za-z_][A-Za-z0-9_]*)*",
    "telling": "(?:Error|Exception|Fault|Failure|Warning|Interrupt|Exit|Panic)$|^Errno",
    "lead": (
        '^(?:Exception in thread "[^"]*" |(?:PHP )?(?:Fatal error|Parse error|Warning): +'
        "|Uncaught (?:\\(in promise\\) )?|Unhandled [Ee]xception(?:[.:]| at)? ?|\\[cause\\]: "
        "|[*][*] \\(|Error: (?:Uncaught )|Next |Caused by: |Suppressed: |---> |\\[ERROR\\] |FATAL UNHANDLED EXCEPTION: |lua[0-9.]*: |[(]Inner Exception #[0-9]+[)] )"
    ),
}
