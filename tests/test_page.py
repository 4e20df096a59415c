"""compare.py --format html, in a real Chromium: the table, the plots above it, the keyboard, both themes."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import Any

import pytest

from browser import Browser, programs
from experiment_setup.comparing.comparison import Column, Comparison, Row
from experiment_setup.comparing.page import page
from running import run, write

pytestmark = pytest.mark.any_hydra

_HOSTILE = [
    "</script><script>window.hacked = 1</script>",
    "<img src=x onerror='window.hacked = 2'>",
    "\u202eevil\u2028<b>",
    "__DATA__ ${x} `",
    "a & b < c",
]


def comparison(rows: int, columns: int, *, results: bool = True) -> Comparison:
    """Rows with numbers over four decades, words, lists, and here and there no value at all."""
    draw, made = Random(rows), []
    for number in range(rows):
        values: dict[str, Any] = {
            "exp.lr": draw.choice([1e-5, 3e-5, 1e-4, 1e-3, 0.1]),
            "exp.size": draw.choice([8, 16, 128, 1024]),
            "exp.optimizer": draw.choice(["adamw", "sgd"]),
            "exp.odd": draw.choice([False, 0, "", None, 1.5, "大きい"]),
        }
        values |= {f"exp.p{index}": round(draw.random(), 3) for index in range(columns - 4)}
        if number % 5 == 2:
            del values["exp.size"], values["exp.odd"]
        found = {"accuracy": round(0.5 + draw.random() / 2, 4)} if results and number % 7 else {}
        defaults = {"exp.lr": 1e-4, "exp.size": 16, "exp.optimizer": "adamw", "exp.odd": None}
        state = ("done" if found else "not run") if results else None
        name = {"exp": f"{number + 1:03d}"}
        made.append(Row("experiments/001-x", name, values, defaults, state=state, results=found))
    keys = dict.fromkeys(key for row in made for key in row.values)
    return Comparison(made, [Column(key) for key in keys])


def cells(text: str) -> Any:
    [data] = re.findall(r'<script id="data" type="application/json">(.*?)</script>', text, re.DOTALL)
    return json.loads(data)


def test_the_page_needs_nothing_but_itself() -> None:
    text = page(comparison(3, 5))
    assert len(cells(text)["rows"]) == 3
    assert re.findall(r"https?://\S+", text) == ['http://www.w3.org/2000/svg",']
    assert not re.search(r"\b(?:src|href)=|@import|url\(", text)
    assert "default-src 'none'" in text
    assert re.search(r"__[A-Z]+__", text) is None


def test_a_config_without_a_choice_has_a_name() -> None:
    rows = [Row("e", {}, {"exp.a": 1}), Row("e", {"exp": "001"}, {"exp.a": 2})]
    assert [row[0][0] for row in cells(page(Comparison(rows, [Column("exp.a")])))["rows"]] == ["(defaults)", "001"]


def test_what_a_project_says_is_data() -> None:
    rows = [Row("e", {"exp": name}, {f"exp.{name}": name}) for name in _HOSTILE]
    text = page(Comparison(rows, [Column(f"exp.{name}") for name in _HOSTILE]))
    assert text.count("</script>") == 2
    assert "<img" not in text
    assert "\u202e" not in text
    shown = [row[0][0] for row in cells(text)["rows"]]
    assert shown[:2] == _HOSTILE[:2]
    assert shown[2].startswith("\\u202eevil\\u2028")


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    if programs() is None:
        pytest.skip("chromium and chromedriver are not installed")
    window = Browser(tmp_path_factory.mktemp("profile"))
    yield window
    window.close()


@pytest.fixture
def shown(browser: Browser, tmp_path: Path) -> Iterator[Any]:
    """Opens a page of a comparison; nothing may be complained of."""

    def open_(made: Comparison) -> Browser:
        file = tmp_path / "a page.html"
        file.write_text(page(made), "utf-8")
        browser.open(file)
        return browser

    yield open_
    assert browser.errors() == []


def column(browser: Browser, title: str) -> list[str]:
    """The texts of a column, from the top."""
    return list(
        browser.js(
            """const titles = [...document.querySelectorAll("thead button")].map((one) => one.textContent);
            const place = titles.indexOf(arguments[0]);
            return [...document.querySelectorAll("tbody tr[data-place]")].map((row) => row.cells[place].textContent)""",
            title,
        )
    )


def head(title: str, made: Comparison) -> str:
    titles = [*made.key_columns, *made.results, *(made.title(one.key) for one in made.columns)]
    return f"thead th:nth-child({titles.index(title) + 1}) button"


def status(browser: Browser) -> str:
    return str(browser.js("return document.getElementById('status').textContent"))


@pytest.mark.slow
def test_a_column_sorts_numbers_as_numbers_and_what_is_missing_last(shown: Any) -> None:
    made = comparison(30, 6)
    browser = shown(made)
    sizes = [row.values.get("exp.size", math.inf) for row in made.rows]
    wanted = ["–not there" if size == math.inf else str(size) for size in sorted(sizes)]
    browser.click(head("size", made))
    assert column(browser, "size") == wanted
    browser.click(head("size", made))
    there = [text for text in wanted if text != "–not there"]
    assert column(browser, "size") == there[::-1] + ["–not there"] * (len(wanted) - len(there))
    marked = browser.js("return [...document.querySelectorAll('[aria-sort]')].map((one) => one.ariaSort)")
    assert marked == ["descending"]
    assert "sorted by size, largest first" in status(browser)
    browser.click(head("odd", made))
    odd = column(browser, "odd")
    numbers = [text for text in odd if text in ("0", "1.5")]
    assert odd[: len(numbers)] == sorted(numbers)  # before the words
    assert {"false", '""', "null", "大きい"} <= set(odd)
    absent = odd.count("–not there")
    assert absent > 0
    assert odd[-absent:] == ["–not there"] * absent


@pytest.mark.slow
def test_words_and_conditions_filter(shown: Any) -> None:
    made = comparison(30, 6)
    browser = shown(made)
    browser.type("#search", "sgd lr<1e-4")
    rows = [row for row in made.rows if row.values["exp.optimizer"] == "sgd" and row.values["exp.lr"] < 1e-4]
    assert 0 < len(rows) < 30
    assert column(browser, "exp") == [row.choices["exp"] for row in rows]
    assert status(browser).startswith(f"{len(rows)} of 30 rows")
    browser.type("#search", "size!=16")
    assert len(column(browser, "exp")) == sum(row.values.get("exp.size") != 16 for row in made.rows)
    browser.press("Escape")
    assert len(column(browser, "exp")) == 30


@pytest.mark.slow
def test_a_range_of_an_axis_filters_by_mouse_and_by_keys(shown: Any) -> None:
    made = comparison(30, 6)
    browser = shown(made)
    find = "const box = document.querySelector('[aria-label=\"Range of lr\"] line').getBoundingClientRect();"
    left, top, bottom = browser.js(f"{find} return [box.left, box.top, box.bottom]")
    # The lower decades: the axis is logarithmic.
    browser.drag((left, bottom + 2), (left, bottom - 0.6 * (bottom - top)))
    kept = [row.choices["exp"] for row in made.rows if row.values["exp.lr"] <= 1e-3]
    assert column(browser, "exp") == kept
    assert 0 < len(kept) < 30
    text = "return document.querySelector('[aria-label=\"Range of lr\"]').getAttribute('aria-valuetext')"
    assert browser.js(text).startswith("1e-5 to ")
    browser.press("Escape")  # the axis has the focus
    assert len(column(browser, "exp")) == 30
    browser.press("ArrowDown")
    low = [row.choices["exp"] for row in made.rows if row.values["exp.lr"] <= 1e-3]
    assert column(browser, "exp") == low
    browser.press("Shift", "ArrowDown")
    browser.press("ArrowUp")
    assert browser.js(text) != "all values"
    browser.press("Escape")
    assert browser.js(text) == "all values"


@pytest.mark.slow
def test_rows_are_reached_and_compared_by_keys(shown: Any) -> None:
    made = comparison(12, 6)
    browser = shown(made)
    browser.js("document.querySelector('tbody tr').focus()")
    browser.press(" ")
    browser.press("ArrowDown")
    browser.press("ArrowDown")
    browser.press(" ")
    one, other = made.rows[0], made.rows[2]
    differing = {made.title(c.key) for c in made.columns if repr(one.value(c.key)) != repr(other.value(c.key))}
    marked = browser.js("return [...document.querySelectorAll('thead th.differs button')].map((b) => b.textContent)")
    assert set(marked) - {"accuracy", "state"} == differing
    assert differing
    assert "2 selected rows differ in" in status(browser)
    selected = browser.js("return [...document.querySelectorAll('[aria-selected=true] th')].map((b) => b.textContent)")
    assert selected == ["001", "003"]
    browser.press("Escape")
    assert browser.js("return document.querySelectorAll('.differs').length") == 0


@pytest.mark.slow
def test_both_themes_follow_the_system_until_one_is_chosen(shown: Any) -> None:
    browser = shown(comparison(3, 5))

    def brightness() -> float:
        colour = browser.js("return getComputedStyle(document.body).backgroundColor")
        return sum(map(int, re.findall(r"\d+", colour)[:3])) / 3

    browser.prefers("dark")
    assert brightness() < 60
    browser.prefers("light")
    assert brightness() > 200
    browser.click("#theme")
    browser.click("#theme")
    assert browser.js("return document.getElementById('theme').textContent") == "Theme: dark"
    assert brightness() < 60
    browser.click("#theme")
    assert brightness() > 200


@pytest.mark.slow
def test_all_rows_are_there_though_few_are_drawn(shown: Any) -> None:
    made = comparison(400, 40)
    browser = shown(made)
    drawn = "return document.querySelectorAll('tbody tr[data-place]').length"
    assert browser.js(drawn) < 150
    assert browser.js("return document.querySelector('table').getAttribute('aria-rowcount')") == "401"
    browser.js("document.querySelector('tbody tr[data-place]').focus()")
    browser.press("\ue010")  # End
    assert browser.js("return document.activeElement.cells[0].textContent") == "400"
    browser.click(head("accuracy", made))
    best = max(row.results.get("accuracy", 0) for row in made.rows)
    browser.js("document.getElementById('table').scrollTop = 0")
    assert browser.js("return new Promise((done) => setTimeout(() => done(1), 100))")
    assert float(column(browser, "accuracy")[0]) == best


@pytest.mark.slow
def test_on_paper_nothing_is_cut_off_or_pale(shown: Any) -> None:
    """Of a wide table all columns are there, below each other, each time with the set's name; in dark ink."""
    made = comparison(120, 40)
    browser = shown(made)
    browser.js("document.documentElement.dataset.theme = 'dark'")
    browser.type("#search", "optimizer=sgd")
    sgd = [row.choices["exp"] for row in made.rows if row.values["exp.optimizer"] == "sgd"]
    browser.devtools("Emulation.setEmulatedMedia", {"media": "print"})
    browser.js("dispatchEvent(new Event('beforeprint'))")
    tables = browser.js(
        """return [...document.querySelectorAll("#printed table")].map((table) => [
             table.getBoundingClientRect().width, [...table.tHead.rows[0].cells].map((one) => one.textContent),
             [...table.tBodies[0].rows].map((row) => row.cells[0].textContent)])"""
    )
    words = browser.js("return document.getElementById('printed').textContent")
    ink = browser.js("return getComputedStyle(document.querySelector('#printed td')).color")
    seen = browser.js(
        """return ["header label", "#plots", "#table", "#printed"].map((css) =>
             getComputedStyle(document.querySelector(css)).display !== "none")"""
    )
    browser.js("dispatchEvent(new Event('afterprint'))")
    browser.devtools("Emulation.setEmulatedMedia", {"media": ""})
    assert browser.js("return document.querySelectorAll('#printed *').length") == 0
    assert len(tables) > 1
    for width, titles, names in tables:
        assert (width < 1050, titles[0], names) == (True, "exp", sgd), width  # pixels beside each other on A4
    told = [title for _, titles, _ in tables for title in titles[1:]]
    assert sorted(told) == sorted(["state", *made.results, *(made.title(column.key) for column in made.columns)])
    assert words.startswith("Filter: optimizer=sgd")
    assert max(map(int, re.findall(r"\d+", ink)[:3])) < 130
    assert seen == [False, False, False, True]


@pytest.mark.slow
def test_screen_readers_have_names_for_everything(shown: Any) -> None:
    made = comparison(12, 6)
    browser = shown(made)
    nodes = browser.devtools("Accessibility.getFullAXTree", {})["nodes"]
    named: dict[str, list[str]] = {}
    for node in nodes:
        if not node.get("ignored"):
            named.setdefault(node["role"]["value"], []).append(node.get("name", {}).get("value", ""))
    assert len(named["columnheader"]) == len(made.key_columns) + len(made.results) + len(made.columns)
    for role in ("columnheader", "button", "slider", "searchbox", "combobox", "region", "table", "image"):
        assert named[role], role
        assert all(named[role]), (role, named[role])
    assert "Range of lr" in named["slider"]
    assert named["searchbox"] == ["Filter"]
    assert all("axis" in name for name in named["combobox"])


@pytest.mark.slow
def test_the_command_shows_a_hostile_project_harmlessly(browser: Browser, project: Path, experiment: Path) -> None:
    start = "defaults: [default@_here_]\nnotes: "
    write(experiment, {f"exp/{n:03d}.yaml": f"{start}{json.dumps(text)}\n" for n, text in enumerate(_HOSTILE, 2)})
    ran = run("compare.py", "001", "--format", "html", "--all", cwd=project)
    assert ran.code == 0, ran.err
    file = project / "sets.html"
    file.write_text(ran.out, "utf-8")
    browser.open(file)
    assert browser.errors() == []
    notes = column(browser, "notes")
    assert any("</script><script>window.hacked" in text for text in notes)
    assert browser.js("return window.hacked") is None
    assert browser.js("return document.images.length + performance.getEntriesByType('resource').length") == 0
    # What would come in all the same does not run.
    code = "const one = document.createElement('script'); one.textContent = 'window.hacked = 3'; "
    browser.js(f"{code}document.body.append(one)")
    assert browser.js("return window.hacked") is None
    assert len(browser.errors()) == 1
