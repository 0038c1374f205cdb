# SPDX-License-Identifier: Apache-2.0
"""A plan with hostile names as a page and as a graph: what a browser and Graphviz make of them, where they are installed."""
import base64
import hashlib
import html.parser
import os
import pathlib
import re
import shutil
import subprocess

import pytest

TOP = pathlib.Path(__file__).resolve().parents[2]
DRIVER = pathlib.Path(os.environ.get("BUILD_DIR") or TOP / "build") / "tests" / "integration" / "drivers" / "plan_show"
BROWSER = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome", "chrome"))), None)
VOID = {"meta", "br", "hr", "img", "link", "input"}
KNOWN = {"html", "head", "meta", "title", "style", "body", "h1", "h2", "h3", "div", "table", "tr", "th", "td", "ol", "ul", "li", "a", "section",
         "strong", "bdi", "details", "summary", "pre"}


def show(form):
    return subprocess.run([DRIVER, form], check=True, capture_output=True, timeout=60).stdout.decode("utf-8")


class Page(html.parser.HTMLParser):
    """Every element closed in its order; ids, links, attributes and text."""

    def __init__(self):
        super().__init__(convert_charrefs=True)
        self.open, self.ids, self.links, self.attributes, self.text, self.style, self.policy = [], [], [], set(), [], "", ""

    def handle_starttag(self, tag, attrs):
        assert tag in KNOWN, tag
        if tag not in VOID:
            self.open.append(tag)
        for name, value in attrs:
            self.attributes.add(name)
            if name == "id":
                self.ids.append(value)
            if name == "href":
                self.links.append(value)
        if dict(attrs).get("http-equiv") == "Content-Security-Policy":
            self.policy = dict(attrs)["content"]

    def handle_endtag(self, tag):
        assert self.open and self.open.pop() == tag

    def handle_data(self, data):
        if self.open and self.open[-1] == "style":
            self.style += data
        else:
            self.text.append(data)


def test_page():
    page = Page()
    page.feed(show("html"))
    page.close()
    assert not page.open
    assert page.attributes <= {"lang", "charset", "http-equiv", "content", "name", "class", "id", "href"}  # nothing that runs or loads
    assert len(page.ids) == len(set(page.ids)) and {link[1:] for link in page.links} <= set(page.ids)
    assert all(link.startswith("#") for link in page.links)
    digest = base64.b64encode(hashlib.sha256(page.style.encode()).digest()).decode()
    assert page.policy == f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"
    text = "".join(page.text)
    assert "<script>alert(1)</script>" in text and "To the partner" in text  # shown as what it is: text


@pytest.mark.skipif(not BROWSER, reason="no Chromium is installed")
def test_page_in_a_browser(tmp_path):
    """The browser shows the hostile name as text, applies the style under the policy, and runs nothing."""
    (tmp_path / "plan.html").write_text(show("html"), encoding="utf-8")
    done = subprocess.run([BROWSER, "--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={tmp_path / 'profile'}", "--dump-dom",
                           (tmp_path / "plan.html").as_uri()], capture_output=True, text=True, timeout=120, check=True)
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in done.stdout and "<script" not in done.stdout
    assert "violates the following Content Security Policy" not in done.stderr


@pytest.mark.skipif(not shutil.which("dot"), reason="Graphviz is not installed")
def test_graph_in_graphviz():
    done = subprocess.run(["dot", "-Tsvg"], input=show("dot"), capture_output=True, text=True, timeout=60, check=True)
    assert not done.stderr
    titles = re.findall(r"<title>([^<]*)</title>", done.stdout)
    assert {"flags", "connectors", "certificates", "flags&#45;&gt;connectors"} <= set(titles)
    assert "<script" not in done.stdout
