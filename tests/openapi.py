"""Requests and answers held against a vendor's OpenAPI description."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from jsonschema import Draft202012Validator  # type: ignore[import-untyped]  # has no types
from referencing import Registry
from referencing.jsonschema import DRAFT202012

_NAME = "urn:described"


@dataclass(frozen=True)
class Description:
    """One OpenAPI 3.0 document."""

    path: Path

    @cached_property
    def document(self) -> dict[str, Any]:
        document: dict[str, Any] = json.loads(self.path.read_text())
        document["components"]["schemas"] = _modern(document["components"]["schemas"])
        return document

    @cached_property
    def _registry(self) -> Registry[Any]:
        resource = DRAFT202012.create_resource(self.document)
        known: Registry[Any] = Registry().with_resource(_NAME, resource)
        return known

    def example(self, name: str) -> Any:
        """A copy of an example of the vendor's."""
        return json.loads(json.dumps(self.document["components"]["examples"][name]["value"]))

    def faults(self, method: str, url: str, sent: bytes, status: int, answered: Any) -> list[str]:
        """What of one exchange is not as described; empty when all of it is."""
        parts = urlsplit(url)
        operation, path = self._operation(method, parts.path)
        if operation is None:
            return [f"{method} {parts.path} is not described"]
        told = [self._resolved(one) for one in operation.get("parameters", [])]
        found = [
            f"{method} {path}: no parameter {name}"
            for name in parse_qs(parts.query)
            if name not in {one["name"] for one in told if one["in"] == "query"}
        ]
        queries = {one["name"]: one["schema"] for one in told if one["in"] == "query"}
        for name, (value, *_) in parse_qs(parts.query).items():
            wanted = queries.get(name, {})
            if wanted.get("enum") and value not in wanted["enum"]:
                found.append(f"{method} {path}: {name} may not be {value}")
        if sent:
            body = operation["requestBody"]["content"]["application/json"]["schema"]
            found += self._wrong(f"request of {method} {path}", body, json.loads(sent))
            unknown = set(json.loads(sent)) - set(self._resolved(body)["properties"])
            found += [f"{method} {path}: no field {name}" for name in sorted(unknown)]
        if str(status) not in operation["responses"]:
            return [*found, f"{method} {path}: no answer {status}"]
        answer = self._resolved(operation["responses"][str(status)])
        schema = answer["content"]["application/json"]["schema"]
        return found + self._wrong(f"answer {status} of {method} {path}", schema, answered)

    def _operation(self, method: str, path: str) -> tuple[dict[str, Any] | None, str]:
        words = path.strip("/").split("/")
        for template, operations in self.document["paths"].items():
            wanted = template.strip("/").split("/")
            fits = len(wanted) == len(words) and all(
                have == want or want.startswith("{")
                for have, want in zip(words, wanted, strict=True)
            )
            if fits and method.lower() in operations:
                return operations[method.lower()], template
        return None, ""

    def _resolved(self, one: dict[str, Any]) -> dict[str, Any]:
        while "$ref" in one:
            place: Any = self.document
            for word in one["$ref"].partition("#/")[2].split("/"):
                place = place[word]
            one = place
        return one

    def _wrong(self, what: str, schema: dict[str, Any], value: Any) -> list[str]:
        validator = Draft202012Validator(_modern(schema), registry=self._registry)
        return [
            f"{what}: {'.'.join(map(str, problem.absolute_path))}: {problem.message[:200]}"
            for problem in validator.iter_errors(value)
        ]


def _modern(schema: Any) -> Any:
    """OpenAPI 3.0's ``nullable`` in the words of JSON Schema."""
    if isinstance(schema, list):
        return [_modern(one) for one in schema]
    if not isinstance(schema, dict):
        return schema
    new = {key: _modern(value) for key, value in schema.items() if key != "nullable"}
    if isinstance(reference := new.get("$ref"), str):
        new["$ref"] = f"{_NAME}#{reference.partition('#')[2]}"
    return {"anyOf": [new, {"type": "null"}]} if schema.get("nullable") is True else new
