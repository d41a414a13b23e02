"""report.html: whole, safe, readable without scripts, and read by a real browser where one is."""

from __future__ import annotations

import io
import re
import shutil
import subprocess
from html.parser import HTMLParser
from itertools import chain
from pathlib import Path
from typing import Any

import pytest
import synthetic

from sgprobe.data import data_dir
from sgprobe.report.compare import compare
from sgprobe.report.folder import read_run
from sgprobe.report.html import write_html

_VOID = {"br", "meta", "input", "wbr", "path", "rect", "line"}
_TAGS = {
    "br", "html", "head", "meta", "title", "style", "body", "script", "a", "svg", "defs", "marker",
    "path", "header", "h1", "h2", "h3", "h4", "p", "ul", "li", "b", "span", "div", "table",
    "thead", "tbody", "tr", "th", "td", "main", "form", "fieldset", "legend", "label", "input",
    "select", "option", "button", "output", "section", "details", "summary", "article", "dl",
    "dt", "dd", "code", "pre", "strong", "wbr", "desc", "rect", "line", "text", "g",
}  # fmt: skip


class Page(HTMLParser):
    """Reads a page, and checks that every tag is closed where it has to be."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []
        self._open: list[str] = []
        self.feed(text)
        self.close()
        assert self._open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in _VOID:
            self._open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        if tag not in _VOID:
            assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self._open[-1:] not in (["style"], ["script"]):
            self.words.append(data)

    def all(self, tag: str, kind: str = "") -> list[dict[str, str | None]]:
        return [a for t, a in self.tags if t == tag and kind in str(a.get("class", ""))]


def html(folder: Path, **how: Any) -> str:
    out = io.StringIO()
    write_html(read_run(synthetic.write(folder, **how)), out)
    out.getvalue().encode()
    return out.getvalue()


def test_every_item_stands_there_once_and_failures_first(tmp_path: Path) -> None:
    page = Page(html(tmp_path))
    verdicts = [str(one["data-v"]) for one in page.all("article")]
    assert len(verdicts) == 64
    order = list(dict.fromkeys(verdicts))
    assert order == ["fail", "error", "inconclusive", "pass", "not_applicable"]
    ids = [a["id"] for _, a in page.tags if "id" in a]
    assert len(ids) == len(set(ids))
    targets = {str(a["href"])[1:] for a in page.all("a") if str(a["href"]).startswith("#")}
    assert targets <= set(ids)


def test_the_first_item_of_each_cause_stands_open(tmp_path: Path) -> None:
    text = html(tmp_path)
    opened = re.findall(r'<article class="item (\w+)" id="i(\d+)"[^>]*>\n<details open>', text)
    assert opened == [("fail", "1"), ("error", "5")]


def test_a_failure_shows_yaml_beside_difference_and_diagram(tmp_path: Path) -> None:
    text = html(tmp_path)
    start = text.index('class="item fail"')
    article = text[start : text.index("</article>", start)]
    marked = re.findall(r'<span class="at" data-n="(\d+)">([^<]*)', article)
    assert marked == [
        ("22", "  - eim -&gt; ipa: GetEimPackageResponse"),
        ("28", "          counterValue: &lt;integer greater than $eim.last-counter&gt;"),
        ("31", "        eimSignature: &lt;signature by $keys.eim&gt;"),
    ]
    assert '<td class="due">integer greater than 41</td>' in article
    assert '<td class="came">41<span class="why">✘ not greater</span></td>' in article
    assert "<svg" in article
    assert "frames 12–14" in article
    assert "captures/ESIPA-EIM-0003-https-nist-p256.pcapng" in article
    assert "sgprobe run &#x27;ESIPA-EIM-0003[https-nist-p256]&#x27; --seed 7" in article
    assert "counterValue: 53" in article  # the message itself


def test_nothing_is_fetched(tmp_path: Path) -> None:
    text = html(tmp_path)
    page = Page(text)
    assert "default-src 'none'" in text
    for tag, attributes in page.tags:
        assert tag not in ("link", "img", "iframe", "object", "embed", "base")
        assert "src" not in attributes
        for name in attributes:
            assert not name.startswith("on")
        href = str(attributes.get("href") or "#")
        assert href.startswith(("#", "captures/"))
    assert "url(http" not in text
    assert "@import" not in text


def test_a_page_is_readable_without_scripts(tmp_path: Path) -> None:
    page = Page(html(tmp_path))
    assert "hidden" in page.all("form")[0]  # it needs the script, which takes `hidden` away
    assert not [a for a in page.all("article") if "hidden" in a]
    words = "".join(page.words)
    assert "acme-eim 3.1: 4 of 60 applicable items failed" in words
    assert "needs EIM_DIRECT_NOTIFY (ICS: no)" in words
    assert "could not trigger eim.queue-package: no adapter" in words
    assert "ab" * 32 in words  # the digest of the suites


def test_a_cut_run_says_so_first(tmp_path: Path) -> None:
    text = html(tmp_path, cut=60_000)
    assert text.index('class="banner"') < text.index('class="tiles"')
    assert "items did not run" in text
    assert "the run was cut off here" in text
    assert "Did not run (" in text


def test_changes_against_a_baseline(tmp_path: Path) -> None:
    run = read_run(synthetic.write(tmp_path, verdicts=("fail",), count=4))
    out = io.StringIO()
    write_html(run, out, compare(run, {item.id: read_run(tmp_path).items[0].verdict.PASS
                                       for item in run.items}))  # fmt: skip
    assert "Newly failing: 4" in out.getvalue()


@pytest.mark.parametrize("verdict", ["fail", "error", "inconclusive", "pass", "not_applicable"])
def test_a_hostile_product_adds_no_markup(tmp_path: Path, verdict: str) -> None:
    text = html(tmp_path, count=4 * len(synthetic.HOSTILE), hostile=True, verdicts=(verdict,))
    page = Page(text)
    assert {tag for tag, _ in page.tags} <= _TAGS
    assert len(page.all("script")) == 1
    assert not [a for a in page.all("a") if not str(a["href"]).startswith(("#", "captures/"))]
    assert not [name for _, a in page.tags for name in a if name.startswith("on")]
    texts = chain(page.words, (str(v) for _, a in page.tags for v in a.values() if v))
    assert all(line.isprintable() for one in texts for line in one.split("\n"))


def _luminance(colour: str) -> float:
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def _contrast(one: str, other: str) -> float:
    """Return the contrast ratio of WCAG 2.2, 1.4.3."""
    light, dark = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("scheme", [0, 1, 2], ids=["light", "dark", "print"])
def test_contrast(scheme: int) -> None:
    css = (data_dir("reports/templates") / "page.css").read_text()
    blocks = [dict(re.findall(r"--([\w-]+): (#\w{6})", one)) for one in
              re.findall(r":root \{(.*?)\}", css, re.S)]  # fmt: skip
    assert len(blocks) == 3
    colours = {**blocks[0], **blocks[scheme]}
    grounds = ("paper", "shade", "fail-shade", "mark")
    words = {
        "ink": grounds, "faint": ("paper", "shade", "fail-shade"), "link": ("paper", "shade"),
        "pass": ("paper", "shade"), "fail": ("paper", "shade", "fail-shade"),
        "error": ("paper", "shade"), "inconclusive": ("paper", "shade"), "na": ("paper", "shade"),
        "due": ("paper", "fail-shade"), "came": ("paper", "fail-shade"),
    }  # fmt: skip
    low = {
        (word, ground): round(_contrast(colours[word], colours[ground]), 2)
        for word, on in words.items()
        for ground in on
        if _contrast(colours[word], colours[ground]) < 4.5
    }
    assert low == {}


@pytest.mark.oracle("chromium")
def test_a_browser_runs_the_filter_and_nothing_else(tmp_path: Path) -> None:
    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    if chromium is None:
        pytest.skip("no chromium on this machine")
    path = tmp_path / "report.html"
    path.write_text(html(tmp_path / "run", hostile=True), encoding="utf-8")
    done = subprocess.run(
        [chromium, "--headless", "--no-sandbox", "--disable-gpu", "--dump-dom",
         f"--user-data-dir={tmp_path / 'profile'}", f"file://{path}"],
        capture_output=True, text=True, timeout=600,
    )  # fmt: skip
    if done.returncode:
        pytest.skip(f"chromium does not start here: {done.stderr[-200:]}")
    assert "64 of 64 shown" in done.stdout
