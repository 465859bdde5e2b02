"""The forge that the operator chose, and a case's request on it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from mendwire.app.evidence import seen
from mendwire.deliver.attached import attached
from mendwire.deliver.message import request_text, request_title
from mendwire.deliver.requests import Forge, Wanted, ensure
from mendwire.errors import ConfigError, ForgeError
from mendwire.model.case import Case, Delivered
from mendwire.model.scrub import find_secret, scrub_policy
from mendwire.settings.config import Config
from mendwire.settings.secret import Secret


def forge_of(config: Config, variables: Mapping[str, str]) -> Forge | None:
    """None where none is configured; raises ConfigError where its token or library is missing."""
    chosen = config.forge
    if not chosen.kind:
        return None
    token = Secret(variables.get(chosen.token, "").strip())
    if not token:
        raise ConfigError(
            f"[forge] needs a token: {chosen.token} is not set. It must be one that may write pull "
            "or merge requests."
        )
    try:
        if chosen.kind == "github":
            from mendwire.deliver.github import GitHubForge  # noqa: PLC0415 - an extra

            return GitHubForge(repository=chosen.repository, token=token, url=chosen.url)
        from mendwire.deliver.gitlab import GitLabForge  # noqa: PLC0415 - an extra

        return GitLabForge(repository=chosen.repository, token=token, url=chosen.url)
    except ModuleNotFoundError as missing:
        raise ConfigError(
            f"[forge] needs the package {missing.name}: pip install 'mendwire[forge]'."
        ) from None


def shown_evidence(config: Config, case: Case) -> str:
    """Of a change made anew, for the comment that tells of it; empty where it may hold a secret."""
    text = attached(seen(case, config.agent.kind, scrub_policy(config.scrub.model_dump())))
    return "" if find_secret(text) else text


async def requested(forge: Forge, config: Config, case: Case, delivered: Delivered) -> Delivered:
    """``delivered`` with the one request that asks for it; raises ForgeError."""
    scrub = scrub_policy(config.scrub.model_dump())
    text = request_text(case, seen(case, config.agent.kind, scrub))
    if find_secret(text):
        text = request_text(case, None)  # outputs of the project's own tests may show one
    if kind := find_secret(text):
        raise ForgeError(
            f"The text for the request of case {case.case_id} seems to hold a secret ({kind}), so "
            "none was made: look at it yourself."
        )
    wanted = Wanted(
        case=case.case_id,
        branch=delivered.branch,
        commit=delivered.commit,
        base=config.forge.base,
        title=request_title(case),
        text=text,
        draft=config.forge.draft,
    )
    request = await ensure(forge, wanted)
    return replace(delivered, request=request.url, request_number=request.number)
