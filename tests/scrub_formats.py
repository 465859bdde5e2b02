"""Secrets as they really stand in reports: each must vanish.

Nothing in here opens anything: all are made up, and those of a known form are put together from
parts, so that no scanner takes this file for a leak.
"""

from __future__ import annotations

import base64
import json
from typing import Final, NamedTuple
from urllib.parse import quote


class Format(NamedTuple):
    """One secret in its place."""

    kind: str
    """As it stands in the mark."""
    where: str
    """What it is, and in what it stands."""
    text: str
    """The whole text."""
    secret: str
    """What must not be in it afterwards."""


def _mixed(length: int) -> str:
    return ("a1B2c3D4e5F6g7H8i9J0k1L2m3N4o5P6q7R8s9T0" * (length // 40 + 1))[:length]


def _hex(length: int) -> str:
    return ("0123456789abcdef" * (length // 16 + 1))[:length]


P: Final = "hunTer2" + "-fake"
_PEM: Final = "MIIEfake" + _mixed(56)
_JWT: Final = "eyJ" + "hbGciOiJIUzI1NiJ9.eyJ" + "mYWtlIjoidG9rZW4ifQ." + _mixed(43)
_AWS: Final = "AKIA" + "FAKE" + "0123456789AB"
_AWS_SECRET: Final = _mixed(20) + "/" + _mixed(19)
_BASIC: Final = base64.b64encode(b"ada:" + P.encode()).decode()
_SEED: Final = "SU" + "AFAKE7" * 9 + "AB"
_UPPER: Final = ("FAKE234567" * 6)[:56]

_BY_FORM: Final = [
    ("aws_key", "AWS access key", _AWS),
    ("aws_key", "AWS temporary key", "ASIA" + "FAKE" + "0123456789AB"),
    ("aws_key", "AWS Bedrock key", "ABSK" + _mixed(60)),
    ("google_key", "Google API key", "AIza" + "Sy" + _mixed(33)),
    ("google_key", "Google access token", "ya29." + _mixed(60)),
    ("google_key", "Google client secret", "GOCSPX-" + _mixed(28)),
    ("google_key", "Google refresh token", "1//0" + _mixed(60)),
    ("azure_secret", "Entra client secret", "aB3" + "8Q~" + _mixed(34)),
    ("github_token", "GitHub classic", "ghp_" + _mixed(36)),
    ("github_token", "GitHub fine-grained", "github_pat_" + _mixed(22) + "_" + _mixed(59)),
    ("github_token", "GitHub app, server", "ghs_" + _mixed(36)),
    ("github_token", "GitHub app, user", "ghu_" + _mixed(36)),
    ("github_token", "GitHub OAuth", "gho_" + _mixed(36)),
    ("github_token", "GitHub refresh", "ghr_" + _mixed(76)),
    ("gitlab_token", "GitLab personal", "glpat-" + _mixed(20)),
    ("gitlab_token", "GitLab routable", "glpat-" + _mixed(27) + ".01." + _mixed(9)),
    ("gitlab_token", "GitLab deploy", "gldt-" + _mixed(20)),
    ("gitlab_token", "GitLab runner", "glrt-" + _mixed(20)),
    ("slack_token", "Slack bot", "xoxb-" + "012345678901-0123456789012-" + _mixed(24)),
    ("slack_token", "Slack user", "xoxp-" + "012345678901-" + _mixed(32)),
    ("slack_token", "Slack app level", "xapp-" + "1-A0FAKE-0123456789-" + _hex(64)),
    ("stripe_key", "Stripe live", "sk_" + "live_" + _mixed(24)),
    ("stripe_key", "Stripe restricted", "rk_" + "live_" + _mixed(24)),
    ("stripe_key", "Stripe test", "sk_" + "test_" + _mixed(99)),
    ("stripe_key", "Stripe webhook", "whsec_" + _mixed(32)),
    ("twilio_key", "Twilio API key", "SK" + _hex(32)),
    ("sendgrid_key", "SendGrid", "SG." + _mixed(22) + "." + _mixed(43)),
    ("registry_token", "npm", "npm_" + _mixed(36)),
    ("registry_token", "PyPI", "pypi-" + "AgEIcHlwaS5vcmc" + _mixed(120)),
    ("registry_token", "RubyGems", "rubygems_" + _hex(48)),
    ("registry_token", "crates.io", "cio" + _mixed(32)),
    ("registry_token", "Docker Hub", "dckr_" + "pat_" + _mixed(27)),
    ("heroku_key", "Heroku", "HRKU-" + _mixed(58)),
    ("digitalocean_token", "DigitalOcean", "dop_" + "v1_" + _hex(64)),
    ("cloudflare_key", "Cloudflare origin key", "v1.0-" + _hex(24) + "-" + _hex(146)),
    ("openai_key", "OpenAI", "sk-" + _mixed(48)),
    ("openai_key", "OpenAI project", "sk-" + "proj-" + _mixed(120)),
    ("anthropic_key", "Anthropic", "sk-" + "ant-api03-" + _mixed(93) + "AA"),
    ("model_key", "Hugging Face", "hf_" + _mixed(34)),
    ("model_key", "Groq", "gsk_" + _mixed(52)),
    ("model_key", "Replicate", "r8_" + _mixed(37)),
    ("discord_token", "Discord bot", "MT" + _mixed(24) + "." + _mixed(6) + "." + _mixed(38)),
    ("telegram_token", "Telegram bot", "0123456789" + ":AA" + _mixed(33)),
    ("jwt", "JWT", _JWT),
    ("nats_seed", "nkey of a user", _SEED),
    ("nats_seed", "nkey of an account", "SA" + _UPPER),
    ("shop_token", "Shopify", "shpat_" + _hex(32)),
    ("mail_key", "Mailgun", "key-" + _hex(32)),
    ("mail_key", "Mailchimp", _hex(32) + "-us12"),
    ("service_key", "New Relic", "NRAK-" + "FAKE0123456789ABCDEFGHIJKLM"),
    ("service_key", "Databricks", "dapi" + _hex(32)),
    ("service_key", "Linear", "lin_" + "api_" + _mixed(40)),
    ("service_key", "Postman", "PMAK-" + _hex(24) + "-" + _hex(34)),
    ("service_key", "Grafana", "glsa_" + _mixed(32) + "_" + _hex(8)),
    ("service_key", "Sentry", "sntrys_" + "eyJ" + _mixed(80)),
    ("service_key", "Tailscale", "tskey-" + "auth-" + _mixed(30)),
    ("service_key", "Atlassian", "ATATT3" + _mixed(60) + "=FAKE0123"),
    ("service_key", "Doppler", "dp." + "pt." + _mixed(40)),
    ("vault_token", "Vault", "hvs." + _mixed(90)),
    (
        "slack_token",
        "Slack webhook",
        "https://hooks.slack.com/" + "services/T000/B000/" + _mixed(24),
    ),
    (
        "webhook",
        "Discord webhook",
        "https://discord.com/api/" + "webhooks/0123456789/" + _mixed(60),
    ),
]
_FORM_PLACES: Final = (
    ("alone", "%s"),
    ("in a sentence", "request failed with %s, giving up"),
    ("in an exception's arguments", "('%s',)"),
)

_PRIVATE: Final = [
    ("PEM", f"-----BEGIN RSA PRIVATE KEY-----\n{_PEM}\n{_PEM}\n-----END RSA PRIVATE KEY-----"),
    ("PEM in JSON", f'"-----BEGIN PRIVATE KEY-----\\n{_PEM}\\n-----END PRIVATE KEY-----\\n"'),
    ("PEM cut off", f"-----BEGIN EC PRIVATE KEY-----\n{_PEM}"),
    (
        "encrypted PEM",
        f"-----BEGIN ENCRYPTED PRIVATE KEY-----\n{_PEM}\n-----END ENCRYPTED PRIVATE KEY-----",
    ),
    (
        "OpenSSH",
        f"-----BEGIN OPENSSH PRIVATE KEY-----\nb3Bl{_PEM}\n-----END OPENSSH PRIVATE KEY-----",
    ),
    (
        "PGP",
        f"-----BEGIN PGP PRIVATE KEY BLOCK-----\n\n{_PEM}\n-----END PGP PRIVATE KEY BLOCK-----",
    ),
    (
        "service account JSON",
        json.dumps(
            {
                "type": "service_account",
                "private_key": f"-----BEGIN PRIVATE KEY-----\n{_PEM}\n-----END PRIVATE KEY-----\n",
                "client_id": "1",
            }
        ),
    ),
    ("PuTTY", f"Private-Lines: 2\n{_PEM}\n{_PEM}\nPrivate-MAC: 00"),
]

_PASSWORDS: Final = [
    ("key=value", "password={}"),
    ("key=value, upper case", "DB_PASSWORD={}"),
    ("key: value", "password: {}"),
    ("a sentence after it", "password={} was refused"),
    ("quoted", 'password="{}"'),
    ("single quotes", "password='{}'"),
    ("back quotes", "password=`{}`"),
    ("several", "host=db user=bob password={} dbname=shop"),
    ("libpq, quoted", "host=db password='{}' dbname=shop"),
    (".env", "PORT=80\nADMIN_PASSWORD={}\nDEBUG=1"),
    (".env, exported", 'export MYSQL_PASSWORD="{}"'),
    ("YAML", "db:\n  password: {}\n  port: 5432"),
    ("YAML, quoted", 'db:\n  password: "{}"\n'),
    ("YAML block", "db:\n  password: |\n    {}\n  port: 5432"),
    ("YAML list", "- name: DB_PASSWORD\n  value: {}"),
    ("YAML flow", "db: {{user: bob, password: {}, port: 1}}"),
    ("TOML", '[db]\npassword = "{}"'),
    ("INI", "[db]\npassword = {}\nport = 1"),
    ("Java properties", "spring.datasource.password={}"),
    ("PHP array", "['user' => 'bob', 'password' => '{}']"),
    ("PHP print_r", "Array\n(\n    [password] => {}\n)"),
    ("PHP property", "$this->password = '{}';"),
    ("PHP define", "define('DB_PASSWORD', '{}');"),
    ("Ruby hash, old", '{{:user=>"bob", :password=>"{}"}}'),
    ("Ruby hash, 3.4", '{{user: "bob", password: "{}"}}'),
    ("Ruby hash of texts", '{{"password"=>"{}"}}'),
    ("Ruby inspect", '#<User id: 1, password: "{}">'),
    ("Ruby instance", '#<Client:0x00 @host="a", @password="{}">'),
    ("Python dict", "{{'user': 'bob', 'password': '{}'}}"),
    ("Python bytes", "{{b'password': b'{}'}}"),
    ("Python dataclass", "Login(user='bob', password='{}', port=1)"),
    ("Python namedtuple", "Login(password='{}')"),
    ("Python secret", "Settings(password=SecretStr('{}'))"),
    ("Python pairs", "[('user', 'bob'), ('password', '{}')]"),
    ("Python keyword", "connect(host='db', password='{}')"),
    ("Python environ", "environ({{'HOME': '/root', 'DB_PASSWORD': '{}'}})"),
    ("Java Map", "{{user=bob, password={}, port=1}}"),
    ("Java record", "Login[user=bob, password={}]"),
    ("Lombok", "Login(user=bob, password={}, port=1)"),
    ("Kotlin data class", "Login(user=bob, password={})"),
    ("Java property", "-Ddb.password={}"),
    ("Go %+v", "{{User:bob Password:{} Port:1}}"),
    ("Go %#v", 'main.Login{{User:"bob", Password:"{}"}}'),
    ("Go map", "map[password:{} user:bob]"),
    ("Rust Debug", 'Login {{ user: "bob", password: "{}" }}'),
    ("Rust Debug, Some", 'Login {{ password: Some("{}") }}'),
    ("Elixir", '%{{password: "{}", user: "bob"}}'),
    ("Elixir struct", '%Login{{password: "{}"}}'),
    ("Perl", "$VAR1 = {{ 'password' => '{}' }};"),
    ("Lua", '{{ password = "{}" }}'),
    ("JavaScript inspect", "{{ user: 'bob', password: '{}' }}"),
    ("JavaScript template", "{{ password: `{}` }}"),
    ("JSON", '{{"user": "bob", "password": "{}"}}'),
    ("JSON, tight", '{{"password":"{}"}}'),
    ("JSON in JSON", '{{"body": "{{\\"password\\": \\"{}\\"}}"}}'),
    ("JSON in JSON in JSON", '"{{\\\\\\"password\\\\\\": \\\\\\"{}\\\\\\"}}"'),
    ("JSON pairs", '[["password", "{}"]]'),
    ("JSON name and value", '{{"name": "password", "value": "{}"}}'),
    ("JSON key and value, escaped", '{{\\"key\\": \\"DB_PASSWORD\\", \\"value\\": \\"{}\\"}}'),
    ("XML element", "<login><user>bob</user><password>{}</password></login>"),
    ("XML element with attributes", '<Password Type="text">{}</Password>'),
    ("SOAP", "<wsse:Password>{}</wsse:Password>"),
    ("XML CDATA", "<password><![CDATA[{}]]></password>"),
    ("XML attribute", '<login user="bob" password="{}"/>'),
    ("XML escaped", "&lt;password&gt;{}&lt;/password&gt;"),
    ("Spring XML", '<property name="password" value="{}"/>'),
    (".NET appSettings", '<add key="DbPassword" value="{}" />'),
    ("form", "user=bob&password={}&remember=1"),
    ("query", "GET /login?user=bob&password={} HTTP/1.1"),
    ("query in HTML", "/login?user=bob&amp;password={}&amp;a=1"),
    ("fragment", "https://a.example/cb#state=1&password={}"),
    ("percent-encoded JSON", "%7B%22password%22%3A%22{}%22%7D"),
    ("percent-encoded JSON, spaced", "%7B%22password%22%3A+%22{}%22%7D"),
    ("percent-encoded twice", "%257B%2522password%2522%253A%2522{}%2522%257D"),
    ("percent-encoded form", "next=%2Flogin%3Fpassword%3D{}%26a%3D1"),
    ("multipart", 'Content-Disposition: form-data; name="password"\r\n\r\n{}\r\n--x--'),
    ("multipart, escaped", 'form-data; name=\\"password\\"\\r\\n\\r\\n{}\\r\\n--x--'),
    (
        "multipart with a type",
        'form-data; name="password"\r\nContent-Type: text/plain\r\n\r\n{}\r\n--x--',
    ),
    ("flag", "mysql --user bob --password {} -h db"),
    ("flag with =", "mysql --password={} -h db"),
    ("flag in a list", "['mysql', '--password={}']"),
    ("flag, quoted", "tool --db-password '{}'"),
    ("curl", "curl -u bob:{} https://a.example/"),
    ("curl, long", "curl --user bob:{} https://a.example/"),
    ("SQL, MySQL", "CREATE USER 'bob' IDENTIFIED BY '{}'"),
    ("SQL, PostgreSQL", "ALTER ROLE bob WITH PASSWORD '{}'"),
    ("SQL condition", "UPDATE users SET password = '{}' WHERE id = 1"),
    ("JDBC", "jdbc:sqlserver://db:1433;user=sa;password={};encrypt=true"),
    ("JDBC, MySQL", "jdbc:mysql://db/shop?user=bob&password={}"),
    (".NET", "Server=db;User Id=sa;Pwd={};Database=shop"),
    (".NET, long", "Server=db;User Id=sa;Password={};Database=shop;"),
    ("ODBC", "DRIVER={{x}};UID=sa;PWD={};"),
    ("log, key=value", 'level=info msg="login" password={} user=bob'),
    ("log, bracketed", "login [user=bob, password={}] failed"),
    ("Go, assignment", 'password := "{}"'),
    ("TypeScript", 'const password: string = "{}";'),
    ("Python annotation", 'password: str = "{}"'),
    ("comparison", 'if password == "{}":'),
    ("subscript", 'os.environ["DB_PASSWORD"] = "{}"'),
    ("camelCase", '{{"userPassword": "{}"}}'),
    ("kebab-case", "user-password: {}"),
    ("PascalCase", "UserPassword={}"),
    ("numbered", "new_password1={}"),
    ("German", "passwort={}"),
    ("short", "DB_PASSWD={}"),
    ("pass phrase", "passphrase: {}"),
]
_DSNS: Final = [
    "postgres://bob:{}@db:5432/shop",
    "postgresql+asyncpg://bob:{}@db/shop",
    "mysql+pymysql://bob:{}@db/shop?charset=utf8",
    "mongodb+srv://bob:{}@cluster0.example.net/shop",
    "redis://:{}@cache:6379/0",
    "rediss://default:{}@cache:6379",
    "amqp://bob:{}@mq:5672/%2f",
    "nats://bob:{}@nats:4222",
    "https://bob:{}@git.example/repo.git",
    "https://{}@sentry.example/1",
    "ftp://bob:{}@files.example/x",
    "smtp://bob:{}@mail.example:587",
    "clickhouse+native://bob:{}@ch/db",
]
_NAMED: Final = [
    ("api_key", "header", "X-Api-Key: {}"),
    ("api_key", "JSON", '{{"apiKey": "{}"}}'),
    ("api_key", "query", "https://a.example/x?api_key={}&b=1"),
    ("api_key", "Azure storage", "DefaultEndpointsProtocol=https;AccountName=a;AccountKey={}==;"),
    ("api_key", "Azure bus", "Endpoint=sb://a/;SharedAccessKeyName=r;SharedAccessKey={}="),
    ("api_key", "Azure gateway", "Ocp-Apim-Subscription-Key: {}"),
    ("private_key", "Rails", "secret_key_base: {}"),
    ("secret", "AWS", "aws_secret_access_key = {}"),
    ("secret", "OAuth", "client_id=1&client_secret={}&grant_type=x"),
    ("secret", "list", "client_secret: ['{}']"),
    ("token", "OAuth answer", '{{"access_token":"{}","token_type":"bearer"}}'),
    ("token", "OAuth refresh", "grant_type=refresh_token&refresh_token={}"),
    ("token", "fragment", "https://a.example/cb#access_token={}&state=1"),
    ("token", "Twilio", "TWILIO_AUTH_TOKEN={}"),
    ("token", "Cloudflare", "CLOUDFLARE_API_TOKEN={}"),
    ("token", "Kubernetes", "token: {}"),
    ("token", "Django form", "csrfmiddlewaretoken={}&next=/"),
    ("token", "header", "X-CSRF-Token: {}"),
    ("token", "header of AWS", "X-Amz-Security-Token: {}"),
    ("token", "npmrc", "//registry.example/:_authToken={}"),
    ("token", "PKCE", "code=1&code_verifier={}"),
    ("authorization", "header", "Authorization: Custom {}"),
    ("authorization", "header, basic", f"Authorization: Basic {_BASIC}{{}}"),
    ("authorization", "header, digest", 'Authorization: Digest username="b", response="{}"'),
    ("authorization", "header in a list", "[('Authorization', 'Custom {}')]"),
    ("authorization", "header in JSON", '{{"authorization": "Custom {}"}}'),
    ("authorization", "header in curl", "curl -H 'Authorization: Custom {}' https://a.example"),
    ("authorization", "header in Go", "map[Authorization:[Custom {}] Host:[a]]"),
    ("authorization", "proxy", "Proxy-Authorization: Custom {}"),
    ("authorization", "digest alone", 'Digest username="b", realm="r", response="{}"'),
    ("cookie", "header", "Cookie: a=1; sid={}"),
    ("cookie", "header with quotes", 'Cookie: a="1 2"; sid={}'),
    ("cookie", "answer", "Set-Cookie: sid={}; Path=/; HttpOnly"),
    ("cookie", "Python dict", "{{'Cookie': 'sid={}; a=1'}}"),
    ("cookie", "Python cookies", "cookies={{'sid': '{}'}}"),
    ("session", "Java path", "/cart;jsessionid={}?a=1"),
    ("session", "PHP", "PHPSESSID={}"),
    ("signature", "Azure SAS", "https://a.example/c?sv=1&sp=r&sig={}"),
    ("signature", "S3", "https://s3.example/x?X-Amz-Signature={}&a=1"),
    ("signature", "Google query", "https://maps.example/x?key={}&q=1"),
    ("cvv", "JSON", '{{"cvv": "{}"}}'),
]
_NUMBERS: Final = [
    ("card", "Visa", "4111111111111111"),
    ("card", "Visa, spaced", "4111 1111 1111 1111"),
    ("card", "Visa, dashed", "4111-1111-1111-1111"),
    ("card", "Mastercard", "5555555555554444"),
    ("card", "Mastercard 2", "2223003122003222"),
    ("card", "Amex", "378282246310005"),
    ("card", "Amex, spaced", "3782 822463 10005"),
    ("card", "Discover", "6011111111111117"),
    ("card", "JCB", "3530111333300000"),
    ("card", "Diners", "30569309025904"),
    ("iban", "German", "DE89370400440532013000"),
    ("iban", "German, spaced", "DE89 3704 0044 0532 0130 00"),
    ("iban", "British", "GB29 NWBK 6016 1331 9268 19"),
    ("iban", "French", "FR1420041010050500013M02606"),
]


def _formats() -> list[Format]:
    found = [
        Format(kind, f"{what}, {place}", template % text, text.rpartition("/")[2][-16:])
        for kind, what, text in _BY_FORM
        for place, template in _FORM_PLACES
    ]
    found += [Format("private_key", what, text, _PEM) for what, text in _PRIVATE]
    found += [Format("password", what, text.format(P), P) for what, text in _PASSWORDS]
    found += [Format("userinfo", "address", text.format(P), P) for text in _DSNS]
    found += [
        Format("userinfo", "address, login with marks", text.format("p/w#d?x"), "p/w#d?x")
        for text in _DSNS[:4]
    ]
    secret = _mixed(28)
    found += [Format(kind, what, text.format(secret), secret) for kind, what, text in _NAMED]
    found += [
        Format(kind, what, template.format(number), number)
        for kind, what, number in _NUMBERS
        for template in ("{}", "payment with {} refused", '{{"number": "{}"}}')
    ]
    found += [
        Format("iban", "words behind it", "AT61 1904 3002 3457 3201 PAID LATE", "3457"),
        Format("email", "text", "no user ada@" + "shop.example here", "ada@"),
        Format("email", "encoded", "/u?mail=ada%40" + "shop.example", "ada%40"),
        Format("email", "name", '"Ada" <ada.l+x@' + "shop.example>", "ada.l"),
        Format("ssn", "text", "SSN: 078-05-" + "1120", "078-05"),
        Format("ssn", "JSON", '{"ssn": "078051' + '120"}', "078051"),
        Format("aws_key", "credentials file", f"aws_access_key_id = {_AWS}", _AWS),
        Format("secret", "credentials file", f"aws_secret_access_key={_AWS_SECRET}", _AWS_SECRET),
        Format("authorization", "bearer", f"Bearer {_mixed(24)} refused", _mixed(24)),
        Format("authorization", "basic", f"sent Basic {_BASIC}", _BASIC),
        Format("authorization", "JWT", f"Authorization: Bearer {_JWT}", _JWT[-20:]),
        Format(
            "nats_seed", "NATS creds", f"-----BEGIN USER NKEY SEED-----\n{_SEED}\n------", _SEED
        ),
        Format("password", "encoded value", f"password={quote('p&w %=x')}", quote("p&w %=x")),
        Format("password", "quote inside", r'{"password": "ab\"cd-fake"}', "cd-fake"),
        Format(
            "password", "quote inside, escaped", r"{\"password\": \"ab\\\"cd-fake\"}", "cd-fake"
        ),
        Format("password", "other quote inside", '{"password": "it\'s-fake"}', "s-fake"),
        Format("password", "several words", "passphrase: correct horse battery staple", "staple"),
        Format("userinfo", "Oracle", "jdbc:oracle:thin:bob/hunTer2@//db:1521/x", "hunTer2"),
        Format("password", "long", f"password='{'x9' * 9000}'", "x9x9"),
    ]
    return found


FORMATS: Final = _formats()
