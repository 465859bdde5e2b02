"""Small forges on loopback: GitHub's answers are made of GitHub's own examples."""

from __future__ import annotations

import json
import threading
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote, urlencode, urlsplit

from tests.openapi import Description

TOKEN = "bait-token-of-a-test"
REPOSITORY = "acme/shop"


@dataclass
class Forge(ABC):
    """What people and programs did on one."""

    description: Description | None = None
    url: str = ""
    requests: list[dict[str, Any]] = field(default_factory=list)
    comments: list[tuple[int, str]] = field(default_factory=list)
    exchanges: list[tuple[str, str, int]] = field(default_factory=list)
    """Method, path with query, status."""
    faults: list[str] = field(default_factory=list)
    """Where an exchange is not as the vendor describes it."""
    fail: list[int] = field(default_factory=list)
    """Statuses that the next exchanges are answered with."""
    talk: list[dict[str, Any]] = field(default_factory=list)
    """What people said on requests: ``kind``, ``by``, ``text`` and what else that kind has."""
    writers: set[str] = field(default_factory=set)
    """Accounts that may write."""
    odd: bytes = b""
    """What is answered to everything, as a proxy does."""
    mute: bool = False
    """A request that is made is kept, and its answer never comes."""
    made: threading.Event = field(default_factory=threading.Event)
    ended: threading.Event = field(default_factory=threading.Event)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def request(self, number: int) -> dict[str, Any]:
        return next(one for one in self.requests if number in (one.get("number"), one.get("iid")))

    def say(self, by: str, text: str, kind: str = "comment", **more: Any) -> None:
        """``kind`` is ``comment``, ``review`` or ``line``."""
        self.talk.append({"kind": kind, "by": by, "text": text, "id": len(self.talk) + 1, **more})

    def said(self) -> list[dict[str, Any]]:
        """Ours as well."""
        ours = [{"kind": "comment", "by": "us", "text": text} for _, text in self.comments]
        numbered = enumerate(ours, start=1000)
        return [*self.talk, *({**one, "id": number} for number, one in numbered)]

    @abstractmethod
    def answer(self, method: str, url: str, body: dict[str, Any]) -> tuple[int, Any]:
        """Status and body of one exchange."""

    @abstractmethod
    def close(self, number: int, *, merged_as: str = "") -> None:
        """A person's hand."""


@dataclass
class GitHub(Forge):
    """``description`` is GitHub's own."""

    def answer(  # noqa: C901, PLR0911 - a table of paths
        self, method: str, url: str, body: dict[str, Any]
    ) -> tuple[int, Any]:
        path, query = urlsplit(url).path, parse_qs(urlsplit(url).query)
        match (method, *path.removeprefix(f"/repos/{REPOSITORY}").strip("/").split("/")):
            case ("GET", ""):
                return 200, self._example(
                    "full-repository",
                    default_branch="main",
                    url=f"{self.url}/repos/{REPOSITORY}",
                    has_discussions=False,  # required, and GitHub's own example forgets it
                )
            case ("GET", "pulls"):
                owner, _, head = query["head"][0].partition(":")
                assert owner == REPOSITORY.partition("/")[0]
                found = [one for one in self.requests if one["head"]["ref"] == head]
                return 200, [self._simple(one) for one in reversed(found)]
            case ("POST", "pulls"):
                return self._make(body)
            case ("GET", "pulls", number):
                return 200, self.request(int(number))
            case ("PATCH", "pulls", number):
                self.request(int(number)).update(body)
                return 200, self.request(int(number))
            case ("POST", "issues", number, "comments"):
                self.comments.append((int(number), body["body"]))
                return 201, self._example("issue-comment", body=body["body"])
            case ("GET", "issues", _, "comments"):
                return 200, [self._said(one, "issue-comment") for one in self._of("comment")]
            case ("GET", "pulls", _, "reviews"):
                return 200, [self._said(one, "pull-request-review") for one in self._of("review")]
            case ("GET", "pulls", _, "comments"):
                name = "pull-request-review-comment"
                return 200, [self._said(one, name) for one in self._of("line")]
            case ("GET", "collaborators", login, "permission"):
                if login == "gone":
                    return 404, {"message": "Not Found"}
                name = "repository-collaborator-permission-response-if-user-has-admin-permissions"
                role = "write" if login in self.writers else "read"
                told = self._example(name, permission=role, role_name=role)
                told["user"]["role_name"] = role  # required, and not in GitHub's own example
                return 200, told
        return 404, {"message": "Not Found"}

    def close(self, number: int, *, merged_as: str = "") -> None:
        at = "2026-11-26T00:00:00Z"
        self.request(number).update(
            state="closed",
            closed_at=at,
            merged=bool(merged_as),
            merged_at=at if merged_as else None,
            merge_commit_sha=merged_as or self.request(number)["merge_commit_sha"],
        )

    def _make(self, body: dict[str, Any]) -> tuple[int, Any]:
        for one in self.requests:
            if one["state"] == "open" and one["head"]["ref"] == body["head"]:
                said = f"A pull request already exists for acme:{body['head']}."
                wrong = {"resource": "PullRequest", "code": "custom", "message": said}
                problem = {"message": "Validation Failed", "errors": [wrong]}
                return 422, problem | {"documentation_url": "https://docs.github.com/rest"}
        if len(body.get("body") or "") > 65_536:
            said = "body is too long (maximum is 65536 characters)"
            wrong = {"resource": "Issue", "code": "custom", "field": "body", "message": said}
            return 422, {"message": "Validation Failed", "errors": [wrong]}
        number = len(self.requests) + 1
        pull = self._example(
            "pull-request",
            number=number,
            url=f"{self.url}/repos/{REPOSITORY}/pulls/{number}",
            issue_url=f"{self.url}/repos/{REPOSITORY}/issues/{number}",
            html_url=f"https://github.com/{REPOSITORY}/pull/{number}",
            state="open",
            title=body["title"],
            body=body["body"],
            draft=body.get("draft", False),
            merged=False,
            merged_at=None,
            closed_at=None,
            requested_teams=[],  # GitHub's own example of them lacks required fields
        )
        pull["head"]["ref"], pull["base"]["ref"] = body["head"], body["base"]
        self.requests.append(pull)
        return 201, pull

    def _of(self, kind: str) -> list[dict[str, Any]]:
        return [one for one in self.said() if one["kind"] == kind]

    def _said(self, one: dict[str, Any], name: str) -> dict[str, Any]:
        item: dict[str, Any] = self._named(f"{name}-items")[0]
        is_bot = one["by"].endswith("[bot]")
        user = item["user"] | {"login": one["by"], "type": "Bot" if is_bot else "User"}
        own = {key: value for key, value in one.items() if key not in {"kind", "by", "text"}}
        return item | own | {"user": user, "body": one["text"]}

    def _simple(self, pull: dict[str, Any]) -> dict[str, Any]:
        """As lists have it: without what only a single one tells."""
        item: dict[str, Any] = self._named("pull-request-simple-items")[0]
        return item | {key: pull[key] for key in item if key in pull}

    def _example(self, name: str, **changes: Any) -> Any:
        return self._named(name) | changes

    def _named(self, name: str) -> Any:
        assert self.description is not None
        known = self.description.document["components"]["examples"]
        full = next(key for key in (name, f"{name}-default-response") if key in known)
        example: dict[str, Any] = self.description.example(full)
        return example


@dataclass
class GitLab(Forge):
    """By GitLab's documentation: no registry has its OpenAPI description."""

    def answer(  # noqa: PLR0911 - a table of paths
        self, method: str, url: str, body: dict[str, Any]
    ) -> tuple[int, Any]:
        path, query = urlsplit(url).path, parse_qs(urlsplit(url).query)
        inner = path.removeprefix("/api/v4/projects/acme%2Fshop").strip("/")
        match (method, *unquote(inner).split("/")):
            case ("GET", ""):
                return 200, {"id": 7, "path_with_namespace": REPOSITORY, "default_branch": "main"}
            case ("GET", "merge_requests"):
                assert query["state"] == ["all"]
                branch = query["source_branch"][0]
                return 200, [o for o in reversed(self.requests) if o["source_branch"] == branch]
            case ("POST", "merge_requests"):
                return self._make(body)
            case ("GET", "merge_requests", number):
                return 200, self.request(int(number))
            case ("PUT", "merge_requests", number):
                assert body == {"state_event": "close"}
                self.close(int(number))
                return 200, self.request(int(number))
            case ("POST", "merge_requests", number, "notes"):
                self.comments.append((int(number), body["body"]))
                return 201, {"id": len(self.comments), "body": body["body"]}
            case ("GET", "merge_requests", _, "notes"):
                notes = [self._note(one) for one in self.said()]
                return 200, notes[::-1] if query["sort"] == ["desc"] else notes
            case ("GET", "members", "all", number):
                level = 30 if int(number) in {_number(name) for name in self.writers} else 20
                return 200, {"id": int(number), "state": "active", "access_level": level}
        return 404, {"message": "404 Not Found"}

    def _note(self, one: dict[str, Any]) -> dict[str, Any]:
        name = one["by"].replace("[bot]", "") if "[bot]" not in one["by"] else "project_7_bot_ab"
        place = {"new_path": one["path"], "new_line": one["line"]} if "path" in one else None
        return {
            "id": one["id"],
            "body": one["text"],
            "author": {"id": _number(one["by"]), "username": name},
            "system": one["kind"] == "system",
            "resolved": one.get("state") == "APPROVED",
            "position": place,
        }

    def close(self, number: int, *, merged_as: str = "") -> None:
        state = "merged" if merged_as else "closed"
        self.request(number).update(state=state, merge_commit_sha=merged_as or None)

    def _make(self, body: dict[str, Any]) -> tuple[int, Any]:
        for one in self.requests:
            if one["state"] == "opened" and one["source_branch"] == body["source_branch"]:
                said = "Another open merge request already exists for this source branch: !1"
                return 409, {"message": [said]}
        number = len(self.requests) + 1
        self.requests.append(
            {
                "id": 1000 + number,
                "iid": number,
                "project_id": 7,
                "source_project_id": 7,
                "target_project_id": 7,
                "state": "opened",
                "draft": body["title"].startswith("Draft:"),
                "web_url": f"https://gitlab.com/{REPOSITORY}/-/merge_requests/{number}",
                "sha": "0" * 40,
                "merge_commit_sha": None,
                "squash_commit_sha": None,
                **body,
            }
        )
        return 201, self.requests[-1]


def _number(name: str) -> int:
    """Of an account."""
    return sum(name.encode())


def _page(forge: Forge, url: str, status: int, body: Any) -> tuple[Any, dict[str, str]]:
    """One page of a list, and headers that say where the others are."""
    if status == 429:
        return body, {"Retry-After": "3600"}
    parts = urlsplit(url)
    query = {name: texts[0] for name, texts in parse_qs(parts.query).items()}
    size, page = int(query.get("per_page", 0)), int(query.get("page", 1))
    if not size or not isinstance(body, list) or len(body) <= size:
        return body, {}
    last = -(-len(body) // size)
    others = {"prev": page - 1, "next": page + 1, "last": last}
    links = ", ".join(
        f'<{forge.url}{parts.path}?{urlencode({**query, "page": at})}>; rel="{name}"'
        for name, at in others.items()
        if 0 < at <= last
    )
    return body[(page - 1) * size : page * size], {"Link": links}


@contextmanager
def serving(forge: Forge) -> Iterator[Forge]:
    """The forge on a free port, its address in ``url``."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            self._answer()

        do_POST = do_PUT = do_PATCH = do_GET  # noqa: N815 - the standard library's names

        def log_message(self, *_: object) -> None:
            return

        def _answer(self) -> None:
            sent = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            with forge.lock:
                status, body = self._what(sent)
            forge.exchanges.append((self.command, self.path, status))
            if forge.mute and status == 201:
                forge.made.set()
                forge.ended.wait()
                self.close_connection = True
                return
            if forge.description is not None and status < 500 and status not in {401, 404, 429}:
                path = self.path.removeprefix("/api/v3")
                forge.faults += forge.description.faults(self.command, path, sent, status, body)
            body, headers = _page(forge, self.path, status, body)
            data = forge.odd or json.dumps(body).encode()
            self.send_response(status)
            for name, text in headers.items():
                self.send_header(name, text)
            self.send_header("Content-Type", "application/json; charset=utf-8")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def _what(self, sent: bytes) -> tuple[int, Any]:
            if forge.fail:
                return forge.fail.pop(0), {"message": "Not now"}
            told = {self.headers.get("Authorization"), self.headers.get("PRIVATE-TOKEN")}
            if not told & {f"token {TOKEN}", f"Bearer {TOKEN}", TOKEN}:
                return 401, {"message": "Bad credentials"}
            path = self.path.removeprefix("/api/v3")
            return forge.answer(self.command, path, json.loads(sent) if sent else {})

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    forge.url = f"http://127.0.0.1:{server.server_port}"
    try:
        yield forge
    finally:
        forge.ended.set()
        server.shutdown()
        server.server_close()
        thread.join()
