"""Submissions of every kind: as a form, in JSON, repeated, of uploaded pictures, as sweeps."""

from base64 import b64encode
from random import Random
from typing import Any

import httpx
from PIL import Image

from tests import pictures
from tests.soak.checked_client import UNAVAILABLE, CheckedClient

MOST_PICTURES = 4
"""How many uploaded pictures a visitor has; the oldest are deleted."""

EXTRAS: tuple[dict[str, Any], ...] = (
    {},
    {"optimiser": "adam"},
    {"colour": "palette"},
    {"colour": "luminance"},
    {"start": "noise"},
    {"preset": "draft"},
    {"scales": 2},
    {"priority": "high"},
    {"keep": 86400},
    {"iterations": 200},
)
"""Options of a submission."""


class Submitter:
    """Submits jobs with small pictures, and has some uploaded ones for them."""

    def __init__(self, client: CheckedClient, chance: Random, webhook_url: str) -> None:
        self._client, self._chance, self._webhook_url = client, chance, webhook_url
        self._pictures: list[str] = []

    def submit(self) -> httpx.Response:
        """A submission of some kind; the answer to it."""
        kinds = (
            self._post_form,
            self._post_form,
            self._post_json,
            self._post_twice,
            self._post_uploaded,
            self._post_sweep,
            self._post_batch,
        )
        return self._chance.choice(kinds)()

    def upload(self) -> None:
        """Uploads another picture; the oldest goes when there are many."""
        colour = tuple(self._chance.randrange(256) for _ in range(3))
        size = (self._chance.randint(40, 200), self._chance.randint(40, 200))
        picture = {"picture": pictures.encoded(Image.new("RGB", size, colour), "PNG")}
        response = self._client.send("upload", "POST", "/pictures", 200, 201, files=picture)
        if response.is_success:
            self._pictures.append(response.json()["id"])
        if len(self._pictures) > MOST_PICTURES:
            self._delete_picture()

    def delete_pictures(self) -> None:
        """Deletes those that it has uploaded."""
        while self._pictures:
            self._delete_picture()

    def files(self) -> dict[str, bytes]:
        """The pictures of a job: each has another size, for which workers compile their layers."""
        return {
            "content": pictures.jpeg(self._chance.randint(60, 300), self._chance.randint(60, 300)),
            "style": pictures.png(self._chance.randint(60, 200), self._chance.randint(60, 200)),
        }

    def _delete_picture(self) -> None:
        path = f"/pictures/{self._pictures[0]}"
        # Not there: Redis was lost before it could answer an earlier request to delete it.
        self._client.send("picture", "GET", f"{path}/file", 200, 404)
        answer = self._client.send("delete picture", "DELETE", path, 204, 404)
        if answer.status_code != UNAVAILABLE:
            self._pictures.pop(0)

    def _options(self) -> dict[str, Any]:
        options: dict[str, Any] = {"size": 64, "iterations": self._chance.randint(3, 40)}
        if self._chance.random() < 0.2:
            options["webhook_url"] = self._webhook_url
        return options | self._chance.choice(EXTRAS)

    def _post(self, kind: str, path: str = "/jobs", **request: Any) -> httpx.Response:
        return self._client.send(kind, "POST", path, 202, **request)

    def _post_form(self) -> httpx.Response:
        files = self.files()
        if self._chance.random() < 0.2:
            files |= {"style": pictures.png(120, 120), "style_mask": pictures.png(120, 120)}
        return self._post("form", files=files, data=self._options())

    def _post_json(self) -> httpx.Response:
        uris = {
            name: f"data:;base64,{b64encode(file).decode()}" for name, file in self.files().items()
        }
        return self._post("json", json=uris | self._options())

    def _post_twice(self) -> httpx.Response:
        """With an idempotency key. The second answer is the same job, or, if the first submission
        was cut short, that it is not over."""
        request: dict[str, Any] = {
            "headers": {"Idempotency-Key": f"soak-{self._chance.getrandbits(64)}"},
            "files": self.files(),
            "data": self._options(),
        }
        first = self._post("with a key", **request)
        again = self._client.send("with its key again", "POST", "/jobs", 202, 409, **request)
        made = {each.json()["id"] for each in (first, again) if each.is_success}
        if len(made) > 1:
            self._client.broken.append(f"one idempotency key made two jobs: {made}")
        return first if first.is_success else again

    def _post_uploaded(self) -> httpx.Response:
        if not self._pictures:
            return self._post_form()
        reference = f"picture:{self._chance.choice(self._pictures)}"
        files = {"content": self.files()["content"]}
        options = self._options() | {"style": reference}
        return self._post("of an uploaded picture", files=files, data=options)

    def _post_sweep(self) -> httpx.Response:
        options = self._options() | {"seed": "1,2", "style_weight": "0.5, 1"}
        options.pop("webhook_url", None)
        return self._post("sweep", "/sweeps", files=self.files(), data=options)

    def _post_batch(self) -> httpx.Response:
        files = [(name, (name, file)) for name, file in self.files().items()]
        files.append(("content", ("another", pictures.png(90, 60))))
        options = {"size": 64, "iterations": 5}
        return self._post("batch", "/batches", files=files, data=options)
