"""Figures that a screen reader can't describe are found."""

from docutils import nodes
from docutils.utils import new_document

from cookbook.sphinxext import alttext


def test_image_without_alt_is_found() -> None:
    """An image node without alt text, or with an empty one, is named."""
    document = new_document("page")
    for attributes in ({"uri": "good.png", "alt": "A peak."}, {"uri": "none.png"}, {"uri": "empty.png", "alt": " "}):
        document += nodes.image(**attributes)
    assert [name for _, name in alttext.images_without_alt(document)] == ["none.png", "empty.png"]


def test_image_in_raw_html_is_found() -> None:
    """An image inside an HTML output is checked too."""
    document = new_document("page")
    document += nodes.raw("", '<p><img src="a.png"><img src="b.png" alt="A peak."></p>', format="html")
    assert [name for _, name in alttext.images_without_alt(document)] == ["a.png"]
