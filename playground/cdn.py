"""Attachments, and the signed links under which they can be fetched for a day."""

import hashlib
import heapq
import hmac
import mimetypes
import secrets
from dataclasses import dataclass
from io import BytesIO
from urllib.parse import quote

from aiohttp import web
from PIL import Image

from playground.clock import Clock
from playground.wire import Wire

LINK_LIFE = 24 * 3600
# a page that is just fetching a picture when an edit replaces it still gets it
RETIRED_LIFE = 60
# what Discord shows as a picture; anything else, such as SVG, is a file to it
_PICTURES = ("PNG", "JPEG", "GIF", "WEBP")


@dataclass(frozen=True, slots=True)
class Upload:
    """A file on its way in."""

    filename: str
    content: bytes
    content_type: str | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Attachment:
    """A stored file. `url` is signed anew each time it is read."""

    id: int
    channel_id: int
    filename: str
    content: bytes
    content_type: str
    ephemeral: bool
    # width and height of a picture, in pixels
    extent: tuple[int, int] | None
    cdn: "Cdn"

    @property
    def size(self) -> int:
        return len(self.content)

    @property
    def url(self) -> str:
        return self.cdn.sign(self)

    def to_dict(self) -> Wire:
        url = self.url
        wire: Wire = {
            "id": str(self.id),
            "filename": self.filename,
            "size": self.size,
            "url": url,
            "proxy_url": url,
            "content_type": self.content_type,
        }
        if self.extent is not None:
            wire["width"], wire["height"] = self.extent
        if self.ephemeral:
            wire["ephemeral"] = True
        return wire


class Cdn:
    """Keeps attachments until they are retired, and serves them while their links are valid."""

    def __init__(self, clock: Clock) -> None:
        self.origin = ""
        self._clock = clock
        self._key = secrets.token_bytes(32)
        self._files: dict[tuple[int, int, str], Attachment] = {}
        # a heap of (Unix time of the end, key)
        self._retired: list[tuple[float, tuple[int, int, str]]] = []

    def store(self, attachment_id: int, channel_id: int, upload: Upload, *, ephemeral: bool = False) -> Attachment:
        self._forget_retired()
        guessed = upload.content_type or mimetypes.guess_type(upload.filename)[0] or "application/octet-stream"
        filename = _safe_name(upload.filename)
        extent = _extent(upload.content)
        attachment = Attachment(attachment_id, channel_id, filename, upload.content, guessed, ephemeral, extent, self)
        self._files[channel_id, attachment_id, filename] = attachment
        return attachment

    def retire(self, attachment: Attachment, life: float = RETIRED_LIFE) -> None:
        """Forget the attachment `life` seconds from now: nothing will show it any more."""
        key = (attachment.channel_id, attachment.id, attachment.filename)
        heapq.heappush(self._retired, (self._clock.now() + life, key))

    def _forget_retired(self) -> None:
        while self._retired and self._retired[0][0] <= self._clock.now():
            self._files.pop(heapq.heappop(self._retired)[1], None)

    def sign(self, attachment: Attachment) -> str:
        """A link that works for a day from now."""
        now = int(self._clock.now())
        path = f"/cdn/attachments/{attachment.channel_id}/{attachment.id}/{quote(attachment.filename)}"
        life = f"ex={now + LINK_LIFE:x}&is={now:x}"
        return f"{self.origin}{path}?{life}&hm={self._signature(path, life)}"

    def mount(self, app: web.Application) -> None:
        app.router.add_get("/cdn/attachments/{channel}/{attachment}/{filename}", self._serve)

    async def _serve(self, request: web.Request) -> web.Response:
        query = request.query
        life = f"ex={query.get('ex', '')}&is={query.get('is', '')}"
        if not hmac.compare_digest(self._signature(request.rel_url.raw_path, life), query.get("hm", "")):
            return _gone()
        if int(query["ex"], 16) < self._clock.now():
            return _gone()
        self._forget_retired()
        info = request.match_info
        attachment = self._files.get((int(info["channel"]), int(info["attachment"]), info["filename"]))
        if attachment is None:
            return _gone()
        headers = {"Content-Type": attachment.content_type, "X-Content-Type-Options": "nosniff"}
        if not attachment.content_type.startswith("image/"):
            # what a person uploaded must never run as a page of this origin
            headers["Content-Disposition"] = "attachment"
        headers["Content-Security-Policy"] = "sandbox"
        return web.Response(body=attachment.content, headers=headers)

    def _signature(self, path: str, life: str) -> str:
        return hmac.new(self._key, f"{path}?{life}".encode(), hashlib.sha256).hexdigest()


def _gone() -> web.Response:
    return web.Response(status=404, text="This content is no longer available.")


def _safe_name(filename: str) -> str:
    """The name as Discord keeps it: no folders, spaces become underscores, nothing but plain characters."""
    base = filename.replace("\\", "/").rsplit("/", 1)[-1].replace(" ", "_")
    kept = "".join(letter for letter in base if letter.isalnum() or letter in "._-").lstrip(".")
    return kept or "unknown"


def _extent(content: bytes) -> tuple[int, int] | None:
    """(width, height) in pixels as the head of the file says, or None if it is no picture."""
    try:
        with Image.open(BytesIO(content), formats=_PICTURES) as picture:
            return picture.size
    except (OSError, ValueError, Image.DecompressionBombError):
        return None
