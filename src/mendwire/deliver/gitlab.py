"""Merge requests on GitLab, its own or yours, by python-gitlab."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from http import HTTPStatus
from itertools import islice
from typing import Any, Final, TypeVar

from gitlab import Gitlab
from gitlab.exceptions import GitlabError
from gitlab.v4.objects import Project
from requests import Response

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

TIMEOUT_S: Final = 20.0
_MOST: Final = 50
"""Requests of one branch that are looked at."""
_STATES: Final = {"merged": RequestState.MERGED, "closed": RequestState.CLOSED}
_REMARKS: Final = 500
"""That are read of one request: the newest, for anybody may write many."""
_PAGE: Final = 20
"""Of them at once: each may have a million characters."""
_DEVELOPER: Final = 30
"""The lowest role that may push."""
_BOT: Final = re.compile(
    r"(?:project|group)_\d+_bot\w*|service_account_\w+|GitLabDuo|ghost|.*\[bot\]"
)
T = TypeVar("T")


@dataclass(frozen=True, kw_only=True)
class GitLabForge:
    """One project."""

    repository: str
    """Its path, ``group/project``, or its number."""
    token: Secret
    url: str = ""
    """``https://gitlab.example.org``; empty is gitlab.com."""
    _client: Gitlab = field(init=False, repr=False, compare=False)
    _project: Project = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        client = _Hasty(
            self.url or "https://gitlab.com",
            private_token=self.token.reveal(),
            timeout=TIMEOUT_S,
            user_agent="mendwire",
            keep_base_url=True,  # pages that follow are asked from where we were told to ask
        )
        object.__setattr__(self, "_client", client)
        object.__setattr__(self, "_project", client.projects.get(self.repository, lazy=True))

    def find(self, branch: str) -> list[Request]:
        def ask() -> list[Request]:
            listed = self._project.mergerequests.list(
                state="all", source_branch=branch, per_page=_MOST, get_all=False
            )
            # Of forks the branch of that name is somebody else's.
            return [_request(one) for one in listed if one.source_project_id == one.project_id]

        return self._asked("list merge requests", ask)

    def open(self, wanted: Wanted) -> Request:
        def ask() -> Request:
            target = wanted.base or self._client.projects.get(self.repository).default_branch
            made = self._project.mergerequests.create(
                {
                    "source_branch": wanted.branch,
                    "target_branch": target,
                    "title": f"Draft: {wanted.title}" if wanted.draft else wanted.title,
                    "description": wanted.text,
                }
            )
            return _request(made)

        return self._asked("make a merge request", ask)

    def look(self, number: int) -> Request:
        return self._asked(
            "read a merge request", lambda: _request(self._project.mergerequests.get(number))
        )

    def comment(self, number: int, text: str) -> None:
        get = self._project.mergerequests.get
        self._asked("comment", lambda: get(number, lazy=True).notes.create({"body": text}))

    def close(self, number: int) -> None:
        update = self._project.mergerequests.update
        self._asked("close a merge request", lambda: update(number, {"state_event": "close"}))

    def remarks(self, number: int) -> list[Remark]:
        def ask() -> list[Remark]:
            request = self._project.mergerequests.get(number, lazy=True)
            notes = request.notes.list(
                sort="desc", order_by="created_at", per_page=_PAGE, iterator=True
            )
            return [_remark(note) for note in islice(notes, _REMARKS)][::-1]

        return self._asked("read the comments of a merge request", ask)

    def may_write(self, author: str) -> bool:
        def ask() -> bool:
            try:
                member = self._project.members_all.get(int(author))
            except GitlabError as problem:
                if problem.response_code == HTTPStatus.NOT_FOUND:
                    return False
                raise
            return member.state == "active" and int(member.access_level) >= _DEVELOPER

        return self._asked("ask who may write", ask)

    def _asked(self, what: str, ask: Callable[[], T]) -> T:
        try:
            return ask()
        except GitlabError as problem:
            raise _error(what, self.repository, problem) from None
        except OSError as problem:  # what requests raises where nobody answers
            raise ForgeAway(
                f"GitLab could not be reached to {what}: {type(problem).__name__}."
            ) from None
        except Exception as odd:  # the library trips over answers that are none
            raise ForgeError(odd_answer("GitLab", what, odd)) from odd


class _Hasty(Gitlab):
    """Pauses are ours to make: the library's may take an hour, in a thread that nobody can end."""

    def http_request(self, *asked: Any, **how: Any) -> Response:  # noqa: ANN401 - the library's
        return super().http_request(*asked, **{**how, "obey_rate_limit": False})


def _remark(note: Any) -> Remark:  # noqa: ANN401 - as below
    author, position = note.author or {}, note.attributes.get("position") or {}
    path, line = position.get("new_path") or "", position.get("new_line") or 0
    is_person = not (note.system or _BOT.fullmatch(str(author.get("username", ""))))
    return Remark(
        id=f"note-{note.id}",
        author=str(author.get("id") or ""),
        text=(note.body or "")[:REMARK],
        place=f"{path}:{line}" if path else "",
        is_wish=is_person and not note.attributes.get("resolved"),
    )


def _request(one: Any) -> Request:  # noqa: ANN401 - python-gitlab's objects get their fields as they come
    state = _STATES.get(one.state, RequestState.OPEN)
    merged = one.attributes.get("merge_commit_sha") or one.attributes.get("squash_commit_sha")
    return Request(
        number=one.iid,
        url=one.web_url,
        state=state,
        text=one.description or "",
        head=one.sha or "",
        # A fast-forward makes no commit: then the branch's own is the one.
        merged_as=str(merged or one.sha or "") if state is RequestState.MERGED else "",
    )


def _error(what: str, repository: str, problem: GitlabError) -> ForgeError:
    code = problem.response_code or 0
    said = printable(str(problem.error_message), 200).rstrip(".")
    if code >= HTTPStatus.INTERNAL_SERVER_ERROR or code == HTTPStatus.TOO_MANY_REQUESTS:
        return ForgeAway(f"GitLab could not {what} in {repository}: {code} {said}.")
    if code == HTTPStatus.CONFLICT:
        return Exists(f"GitLab could not {what} in {repository}: {said}.")
    hint = "read what it says, then `mendwire cases retry`"
    if code in {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN, HTTPStatus.NOT_FOUND}:
        hint = "check forge.repository and that the token has the scope api there"
    return ForgeError(f"GitLab refused to {what} in {repository} ({code} {said}): {hint}.")
