"""Pull requests on GitHub and GitHub Enterprise, by PyGithub."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Final, TypeVar

from github import Auth, Github, GithubException, RateLimitExceededException
from github.PullRequest import PullRequest
from github.Repository import Repository

from mendwire.deliver.requests import Away, Exists, Request, RequestState, Wanted
from mendwire.errors import ForgeError
from mendwire.model.printable import printable
from mendwire.settings.secret import Secret

TIMEOUT_S: Final = 20
_MOST: Final = 50
"""Requests of one branch that are looked at."""
T = TypeVar("T")


@dataclass(frozen=True, kw_only=True)
class GitHubForge:
    """One repository."""

    repository: str
    """``owner/name``."""
    token: Secret
    url: str = ""
    """Of the API, ``https://github.example.org/api/v3``; empty is github.com's."""
    _repository: Repository = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        client = Github(
            auth=Auth.Token(self.token.reveal()),
            base_url=self.url or "https://api.github.com",
            timeout=TIMEOUT_S,
            retry=None,  # tries are ours to count
            seconds_between_requests=None,
            seconds_between_writes=None,
            user_agent="mendwire",
            lazy=True,
        )
        object.__setattr__(self, "_repository", client.get_repo(self.repository))

    def find(self, branch: str) -> list[Request]:
        owner = self.repository.partition("/")[0]

        def ask() -> list[Request]:
            pulls = self._repository.get_pulls(state="all", head=f"{owner}:{branch}")
            # An unknown head is no filter to GitHub, so what came is looked at again.
            known = (pull for pull, _ in zip(pulls, range(_MOST), strict=False))
            return [_request(pull) for pull in known if pull.head.ref == branch]

        return self._asked("list pull requests", ask)

    def open(self, wanted: Wanted) -> Request:
        def ask() -> Request:
            return _request(
                self._repository.create_pull(
                    base=wanted.base or self._default_branch(),
                    head=wanted.branch,
                    title=wanted.title,
                    body=wanted.text,
                    draft=wanted.draft,
                )
            )

        return self._asked("make a pull request", ask)

    def look(self, number: int) -> Request:
        return self._asked(
            "read a pull request", lambda: _request(self._repository.get_pull(number))
        )

    def comment(self, number: int, text: str) -> None:
        pull = self._repository.get_pull
        self._asked("comment", lambda: pull(number).create_issue_comment(text))

    def close(self, number: int) -> None:
        pull = self._repository.get_pull
        self._asked("close a pull request", lambda: pull(number).edit(state="closed"))

    def _default_branch(self) -> str:
        return self._repository.default_branch

    def _asked(self, what: str, ask: Callable[[], T]) -> T:
        try:
            return ask()
        except GithubException as problem:
            raise _error(what, self.repository, problem) from None
        except OSError as problem:  # what requests raises where nobody answers
            raise Away(
                f"GitHub could not be reached to {what}: {type(problem).__name__}."
            ) from None


def _request(pull: PullRequest) -> Request:
    state = RequestState.OPEN if pull.state == "open" else RequestState.CLOSED
    is_merged = pull.merged_at is not None
    return Request(
        number=pull.number,
        url=pull.html_url,
        state=RequestState.MERGED if is_merged else state,
        text=pull.body or "",
        head=pull.head.sha,
        # Before the merge this is a trial of GitHub's own, in no branch.
        merged_as=(pull.merge_commit_sha or "") if is_merged else "",
    )


def _error(what: str, repository: str, problem: GithubException) -> ForgeError:
    said = _said(problem)
    if problem.status >= HTTPStatus.INTERNAL_SERVER_ERROR or isinstance(
        problem, RateLimitExceededException
    ):
        return Away(f"GitHub could not {what} in {repository}: {said}.")
    if "already exists" in said:
        return Exists(f"GitHub could not {what} in {repository}: {said}.")
    hint = "read what it says, then `mendwire cases retry`"
    if "raft" in said:
        hint = "set forge.draft = false, then `mendwire cases retry`"
    elif problem.status in {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN, HTTPStatus.NOT_FOUND}:
        hint = "check forge.repository and that the token may write pull requests there"
    return ForgeError(
        f"GitHub refused to {what} in {repository} ({problem.status} {said}): {hint}."
    )


def _said(problem: GithubException) -> str:
    data = problem.data if isinstance(problem.data, dict) else {}
    errors = data.get("errors")
    listed = errors if isinstance(errors, list) else []
    more = [str(one.get("message", "")) if isinstance(one, dict) else str(one) for one in listed]
    words = [str(data.get("message") or problem.status), *more]
    return printable("; ".join(filter(None, words)), 200).rstrip(".")
