"""Pull requests on GitHub and GitHub Enterprise, by PyGithub."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from http import HTTPStatus
from itertools import islice
from typing import Final, TypeVar

from github import Auth, Github, GithubException, RateLimitExceededException
from github.GithubObject import GithubObject
from github.IssueComment import IssueComment
from github.NamedUser import NamedUser
from github.Organization import Organization
from github.PaginatedList import PaginatedList
from github.PullRequest import PullRequest
from github.PullRequestComment import PullRequestComment
from github.PullRequestReview import PullRequestReview
from github.Repository import Repository

from mendwire.deliver.requests import (
    REMARK,
    Exists,
    Remark,
    Request,
    RequestState,
    Wanted,
    odd_answer,
)
from mendwire.errors import ForgeAway, ForgeError
from mendwire.model.printable import printable
from mendwire.settings.secret import Secret

TIMEOUT_S: Final = 20
_MOST: Final = 50
"""Requests of one branch that are looked at."""
_REMARKS: Final = 500
"""Of each kind, that are read of one request: the newest, for anybody may write many."""
_PAGE: Final = 100
_ASKS: Final = frozenset({"CHANGES_REQUESTED", "COMMENTED"})
_WRITES: Final = frozenset({"admin", "write"})
"""GitHub's role ``maintain`` is told as ``write`` there."""
T = TypeVar("T")
P = TypeVar("P", bound=GithubObject)


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
            per_page=_PAGE,
            lazy=True,
        )
        object.__setattr__(self, "_repository", client.get_repo(self.repository))

    def find(self, branch: str) -> list[Request]:
        owner = self.repository.partition("/")[0]

        def ask() -> list[Request]:
            pulls = self._repository.get_pulls(state="all", head=f"{owner}:{branch}")
            # An unknown head is no filter to GitHub, so what came is looked at again: of a fork
            # the branch of that name is somebody else's.
            known = (pull for pull, _ in zip(pulls, range(_MOST), strict=False))
            return [_request(pull) for pull in known if _is_here(pull, branch)]

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

    def remarks(self, number: int) -> list[Remark]:
        def ask() -> list[Remark]:
            pull = self._repository.get_pull(number)
            reviews = _newest(pull.get_reviews())
            lines = _newest(pull.get_review_comments())
            return [
                *_comments(_newest(pull.get_issue_comments())),
                *_reviews(reviews),
                *_lines(lines, {one.id: one.state for one in reviews}),
            ]

        return self._asked("read the comments of a pull request", ask)

    def may_write(self, author: str) -> bool:
        ask = self._repository.get_collaborator_permission
        try:
            return self._asked("ask who may write", lambda: ask(author)) in _WRITES
        except Gone:
            return False

    def _default_branch(self) -> str:
        return self._repository.default_branch

    def _asked(self, what: str, ask: Callable[[], T]) -> T:
        try:
            return ask()
        except GithubException as problem:
            raise _error(what, self.repository, problem) from None
        except OSError as problem:  # what requests raises where nobody answers
            raise ForgeAway(
                f"GitHub could not be reached to {what}: {type(problem).__name__}."
            ) from None
        except Exception as odd:  # the library trips over answers that are none
            raise ForgeError(odd_answer("GitHub", what, odd)) from odd


class Gone(ForgeError):
    """There is no such thing, or no such account."""


def _newest(found: PaginatedList[P]) -> list[P]:
    """Oldest first."""
    return list(islice(found.reversed, _REMARKS))[::-1]


def _comments(found: Iterable[IssueComment]) -> Iterator[Remark]:
    for one in found:
        yield _remark(f"comment-{one.id}", one.user, one.body)


def _reviews(found: Iterable[PullRequestReview]) -> Iterator[Remark]:
    for one in found:
        is_wish = one.state in _ASKS
        yield _remark(f"review-{one.id}", one.user, one.body, is_wish=is_wish)


def _lines(found: Iterable[PullRequestComment], states: dict[int, str]) -> Iterator[Remark]:
    for one in found:
        is_wish = states.get(one.pull_request_review_id, "COMMENTED") in _ASKS
        place = f"{one.path}:{one.line or one.original_line or 0}"
        yield _remark(f"line-{one.id}", one.user, one.body, place=place, is_wish=is_wish)


def _remark(
    name: str,
    user: NamedUser | Organization | None,
    text: str | None,
    *,
    place: str = "",
    is_wish: bool = True,
) -> Remark:
    is_person = user is not None and user.type == "User"
    return Remark(
        id=name,
        author=user.login if user is not None else "",
        text=(text or "")[:REMARK],
        place=place,
        is_wish=is_wish and is_person,
    )


def _is_here(pull: PullRequest, branch: str) -> bool:
    home = getattr(pull.head.repo, "id", None)  # None where the fork is gone
    return pull.head.ref == branch and home == pull.base.repo.id


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
    if (
        problem.status >= HTTPStatus.INTERNAL_SERVER_ERROR
        or problem.status == HTTPStatus.TOO_MANY_REQUESTS
        or isinstance(problem, RateLimitExceededException)
    ):
        return ForgeAway(f"GitHub could not {what} in {repository}: {said}.")
    if "already exists" in said:
        return Exists(f"GitHub could not {what} in {repository}: {said}.")
    if problem.status == HTTPStatus.NOT_FOUND and what == "ask who may write":
        return Gone(f"GitHub knows nobody of that name in {repository}.")
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
