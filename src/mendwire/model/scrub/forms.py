"""What credentials look like that are known by themselves, wherever they stand."""

from __future__ import annotations

import re
from typing import Final

RUN: Final = 20
"""Letters, digits, ``_`` and ``-`` in a row: what each prefixed credential has at least."""

_ANY: Final = "."
"""The only hint of what has neither a word of its own at its beginning nor in it."""
_PREFIXED: Final = (
    ("aws_key", "A[KS]IA", ("AKIA", "ASIA"), "[0-9A-Z]{16}(?![0-9A-Za-z])"),
    ("github_token", "gh[pousr]_", ("ghp_", "gho_", "ghu_", "ghs_", "ghr_"), "[A-Za-z0-9]{20,}"),
    ("github_token", "github_pat_", ("github_pat_",), "[A-Za-z0-9_]{20,}"),
    (
        "gitlab_token",
        "gl(?:pat|dt|rt|cbt|ptt|ft|soat|agent)-",
        ("glpat-", "gldt-", "glrt-", "glcbt-", "glptt-", "glft-", "glsoat-", "glagent-"),
        "[A-Za-z0-9_-]{15,}[A-Za-z0-9_.-]*",
    ),
    ("slack_token", "xox[a-z]-", ("xox",), "[A-Za-z0-9-]{15,}"),
    ("slack_token", "xapp-", ("xapp-",), "[A-Za-z0-9-]{15,}"),
    ("slack_token", "xoxe\\.xox[a-z]-", ("xoxe.",), "[A-Za-z0-9-]{15,}"),
    ("stripe_key", "(?:sk|rk|pk)_(?:live|test)_", ("_live_", "_test_"), "[A-Za-z0-9]{12,}"),
    ("stripe_key", "whsec_", ("whsec_",), "[A-Za-z0-9]{14,}[A-Za-z0-9+/=]*"),
    ("twilio_key", "SK", ("SK",), "[0-9a-f]{32}(?![0-9A-Za-z])"),
    ("google_key", "AIza", ("AIza",), "[0-9A-Za-z_-]{30,}"),
    ("google_key", "GOCSPX-", ("GOCSPX-",), "[0-9A-Za-z_-]{20,}"),
    ("anthropic_key", "sk-ant-", ("sk-ant-",), "[A-Za-z0-9_-]{13,}"),
    ("openai_key", "sk-(?:proj-|svcacct-|admin-|or-v1-)?", ("sk-",), "[A-Za-z0-9_-]{20,}"),
    ("model_key", "(?:hf_|gsk_|xai-|pplx-)", ("hf_", "gsk_", "xai-", "pplx-"), "[A-Za-z0-9]{30,}"),
    ("model_key", "(?:r8_|lsv2_(?:pt|sk)_)", ("r8_", "lsv2_"), "[A-Za-z0-9_]{30,}"),
    ("registry_token", "npm_", ("npm_",), "[A-Za-z0-9]{30,}"),
    ("registry_token", "pypi-", ("pypi-",), "[A-Za-z0-9_-]{40,}"),
    ("registry_token", "rubygems_", ("rubygems_",), "[0-9a-f]{32,}"),
    ("registry_token", "cio", ("cio",), "[A-Za-z0-9]{32}(?![0-9A-Za-z])"),
    ("registry_token", "dckr_(?:pat|oat)_", ("dckr_",), "[A-Za-z0-9_-]{16,}"),
    ("heroku_key", "HRKU-", ("HRKU-",), "[A-Za-z0-9_-]{30,}"),
    ("digitalocean_token", "do[opr]_v1_", ("_v1_",), "[0-9a-f]{32,}"),
    (
        "shop_token",
        "shp(?:at|ss|ca|pa)_",
        ("shpat_", "shpss_", "shpca_", "shppa_"),
        "[0-9a-fA-F]{32,}",
    ),
    ("shop_token", "sq0[a-z]{3}-", ("sq0",), "[0-9A-Za-z_-]{20,}"),
    ("mail_key", "key-", ("key-",), "[0-9a-f]{32}(?![0-9A-Za-z])"),
    ("mail_key", "xkeysib-", ("xkeysib-",), "[0-9a-f]{32,}[A-Za-z0-9-]*"),
    ("service_key", "NRAK-", ("NRAK-",), "[A-Z0-9]{20,}"),
    ("service_key", "dapi", ("dapi",), "[0-9a-f]{32}(?![0-9A-Za-z])"),
    ("service_key", "lin_api_", ("lin_api_",), "[A-Za-z0-9]{20,}"),
    ("service_key", "ntn_", ("ntn_",), "[A-Za-z0-9]{30,}"),
    ("service_key", "PMAK-", ("PMAK-",), "[0-9a-f-]{30,}"),
    ("service_key", "gl(?:sa|c)_", ("glsa_", "glc_"), "[A-Za-z0-9_]{16,}[A-Za-z0-9_=+/]*"),
    ("service_key", "sntry[su]_", ("sntry",), "[A-Za-z0-9_]{16,}[A-Za-z0-9_=+/-]*"),
    ("service_key", "sbp_", ("sbp_",), "[0-9a-f]{32,}"),
    ("service_key", "pscale_(?:tkn|pw|oauth)_", ("pscale_",), "[A-Za-z0-9_-]{12,}[A-Za-z0-9_.=-]*"),
    ("service_key", "tskey-", ("tskey-",), "[A-Za-z0-9-]{16,}"),
    ("service_key", "figd_", ("figd_",), "[A-Za-z0-9_-]{20,}"),
    ("service_key", "nfp_", ("nfp_",), "[A-Za-z0-9]{30,}"),
    ("service_key", "pul-", ("pul-",), "[0-9a-f]{32,}"),
    ("service_key", "bkua_", ("bkua_",), "[0-9a-f]{32,}"),
    ("service_key", "ATATT3", ("ATATT3",), "[A-Za-z0-9_-]{24,}[A-Za-z0-9_=-]*"),
    ("service_key", "ATBB", ("ATBB",), "[A-Za-z0-9]{20,}(?![A-Za-z0-9])"),
    ("service_key", "AGE-SECRET-KEY-", ("AGE-SECRET-KEY-",), "[0-9A-Z]{20,}"),
    (
        "discord_token",
        "[MNO][A-Za-z0-9_-]{22,27}",
        (_ANY,),
        r"\.[A-Za-z0-9_-]{6}\.[A-Za-z0-9_-]{27,40}",
    ),
    ("nats_seed", "S[UAONXC]", ("SU", "SA", "SO", "SN", "SX", "SC"), "[A-Z2-7]{56}(?![A-Z0-9a-z])"),
)
"""Kind, how it begins, texts of which one is in that, and how it goes on. At least ``RUN`` of
letters, digits, ``_`` and ``-`` stand in a row in each."""

_OTHERS: Final[tuple[tuple[str, tuple[str, ...], str], ...]] = (
    (
        "private_key",
        ("PRIVATE KEY",),
        (
            r"-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----(?:[^-]|-(?!-))*"
            r"(?:-----END [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----)?"
        ),
    ),
    (
        "private_key",
        ("Private-Lines:",),
        r"Private-Lines: [0-9]{1,4}(?:\s{1,2}[A-Za-z0-9+/=]{1,80}(?![A-Za-z0-9+/=:-]))*",
    ),
    (
        "nats_seed",
        ("NKEY SEED",),
        (
            r"-{3,5}BEGIN [A-Z ]{0,20}NKEY SEED-{3,5}(?:[^-]|-(?!-))*"
            r"(?:-{3,6}END [A-Z ]{0,20}NKEY SEED-{3,6})?"
        ),
    ),
    (
        "jwt",
        ("eyJ",),
        r"(?<![A-Za-z0-9])eyJ[A-Za-z0-9_-]{5,}(?:\.[A-Za-z0-9_-]{5,}(?:\.[A-Za-z0-9_-]*){0,3})",
    ),
    (
        "slack_token",
        ("hooks.slack.com",),
        r"(?<=hooks\.slack\.com/)(?:services|workflows|triggers)/[A-Za-z0-9/_-]+",
    ),
    (
        "webhook",
        ("/api/webhooks/",),
        r"(?<=/api/webhooks/)[0-9]{5,25}/[A-Za-z0-9_-]{10,}",
    ),
    (
        "webhook",
        (".webhook.office.com/", "outlook.office.com/webhook"),
        r"(?<=office\.com/)webhook(?:b2)?/[A-Za-z0-9@/_-]{20,}",
    ),
    ("telegram_token", (":AA",), r"(?<![0-9A-Za-z])[0-9]{6,12}:AA[A-Za-z0-9_-]{30,}"),
    ("aws_key", ("ABSK",), r"(?<![A-Za-z0-9])ABSK[A-Za-z0-9+/]{40,}={0,2}"),
    ("google_key", ("ya29.",), r"(?<![A-Za-z0-9])ya29\.[0-9A-Za-z_-]{20,}"),
    ("google_key", ("1//0",), r"(?<![A-Za-z0-9/])1//0[0-9A-Za-z_-]{20,}"),
    ("sendgrid_key", ("SG.",), r"(?<![A-Za-z0-9])SG\.[A-Za-z0-9_-]{16,}\.[A-Za-z0-9_-]{20,}"),
    ("vault_token", ("hvs.", "hvb.", "hvr."), r"(?<![A-Za-z0-9])hv[sbr]\.[A-Za-z0-9_-]{20,}"),
    (
        "service_key",
        (".atlasv1.",),
        r"(?<![A-Za-z0-9])[A-Za-z0-9]{14}\.atlasv1\.[A-Za-z0-9_-]{20,}[A-Za-z0-9_=-]*",
    ),
    (
        "service_key",
        ("dp.",),
        r"(?<![A-Za-z0-9])dp\.(?:pt|st|ct|sa|scim|audit)\.[A-Za-z0-9_.-]{20,}",
    ),
    ("cloudflare_key", ("v1.0-",), r"(?<![A-Za-z0-9])v1\.0-[0-9a-f]{16,}-[0-9a-f]{40,}"),
    (
        "azure_secret",
        ("Q~",),
        r"(?<![A-Za-z0-9_~.-])[A-Za-z0-9_~.-]{3}[0-9]Q~[A-Za-z0-9_~.-]{30,40}",
    ),
    ("mail_key", ("-us",), r"(?<![0-9A-Za-z])[0-9a-f]{32}-us[0-9]{1,2}(?![0-9A-Za-z])"),
)
"""Kind, texts of which one must be there, pattern of the whole."""

FORMS: Final[tuple[tuple[str, tuple[str, ...], re.Pattern[str]], ...]] = (
    *((kind, hints, re.compile(pattern)) for kind, hints, pattern in _OTHERS),
    *(
        (kind, hints, re.compile(f"(?<![A-Za-z0-9])(?:{start}){rest}"))
        for kind, start, hints, rest in _PREFIXED
    ),
)
"""Kind, texts of which one must be there at all, pattern of the whole."""
HINTS: Final = ("Private-Lines:", "eyJ", "hook", "dp.", "Q~", "ABSK")
"""One of these is in every text with a credential that has no run of ``RUN`` characters, and no
``key`` in it either, which is looked for anyway.
"""
HINTED: Final = re.compile(
    "|".join(
        [
            *(re.escape(hint) for _, hints, _ in FORMS for hint in hints if hint != _ANY),
            r"\.[A-Za-z0-9_-]{6}\.",
        ]
    )
)
"""Matches in every text with a credential of any form."""
KINDS: Final = frozenset(kind for kind, _, _ in FORMS)
