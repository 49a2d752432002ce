"""Find output figures that a screen reader can't describe."""

from collections.abc import Iterator
from html.parser import HTMLParser

from docutils import nodes

__all__ = ["html_images_without_alt", "images_without_alt"]


class _Images(HTMLParser):
    """Collects the source of every ``<img>`` whose alt text is missing or empty."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if tag == "img" and not (given.get("alt") or "").strip():
            self.found.append((given.get("src") or "?")[:60])


def html_images_without_alt(html: str) -> list[str]:
    """List the sources (cut to 60 characters) of the images in HTML that have no alt text."""
    parser = _Images()
    parser.feed(html)
    parser.close()
    return parser.found


def images_without_alt(doctree: nodes.Node) -> Iterator[tuple[nodes.Node, str]]:
    """Yield every image without alt text, with its name: image nodes, and those inside raw HTML output."""
    for image in doctree.findall(nodes.image):
        if not str(image.get("alt") or "").strip():
            yield image, str(image.get("uri", "?"))
    for raw in doctree.findall(nodes.raw):
        if "html" in raw.get("format", ""):
            for source in html_images_without_alt(raw.astext()):
                yield raw, source
