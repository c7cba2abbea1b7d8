"""Using the page: keys, links, languages, sizes, and that it is alone in the world."""

import http.server
import threading

import numpy as np
import pytest

import minicnn as mc
import minicnn.nn.functional as F

EVIL = '</script><img src=x onerror="window.hacked=1">\'"&<b>\u2028]]>'


def keys():
    from selenium.webdriver.common.keys import Keys

    return Keys


def visit_all(browser):
    """Show every step with each of its results, in both views."""
    browser.run("""
        for (const step of stepper.steps) {
          stepper.go(step.number);
          for (const short of stepper.targetsOf(step)) {
            stepper.update({ short, index: stepper.startPlace(
              stepper.values[short === "out" ? step.outputs[0]
                             : stepper.resultOf(step, short).contribution]) });
            stepper.update({ view: "scatter", part: "sample", allTerms: true });
            stepper.update({ view: "gather", part: "rest", allTerms: false });
          }
          for (const details of document.querySelectorAll("details")) details.open = true;
        }
    """)


def test_nothing_is_asked_for_and_nothing_is_complained_about(browser, small_page):
    path, _ = small_page
    browser.open(path)
    visit_all(browser)
    for language in ("zh", "en"):
        browser.run("stepper.setLanguage(arguments[0])", language)
        visit_all(browser)
    asked = [url for url in browser.requests() if url.split("#")[0] != path.as_uri()]
    assert [url for url in asked if not url.startswith(("data:", "about:"))] == []
    assert browser.complaints() == []
    assert browser.run("return [...stepper.missingTexts]") == []


def test_the_policy_lets_nothing_out(browser, small_page):
    """Not only is nothing asked for: a request, an inline script or a style would be refused."""
    path, _ = small_page
    seen = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            seen.append(self.path)
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_):
            pass

    server = http.server.HTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    browser.open(path)
    browser.run("""
        const address = arguments[0];
        fetch(address).catch(() => {});
        new Image().src = address;
        const script = document.createElement("script");
        script.textContent = "window.hacked = 1";
        document.body.append(script);
        const image = `<img src="${address}" onerror="hacked = 1">`;
        document.body.insertAdjacentHTML("beforeend", image);
    """, f"http://127.0.0.1:{server.server_port}/x")  # fmt: skip
    browser.driver.execute_async_script("setTimeout(arguments[0], 300)")
    server.shutdown()
    server.server_close()
    assert seen == []
    assert browser.run("return window.hacked ?? null") is None
    assert any("Content Security Policy" in message for message in browser.complaints())


def test_previous_and_next_come_back_to_the_same(browser, small_page):
    path, tr = small_page
    browser.open(path)
    k = keys()
    shown = "return document.getElementById('step').innerText"
    browser.run("stepper.go(0)")
    forth = []
    last = len(tr.steps) - 1
    for _ in range(last):
        forth.append(browser.run(shown))
        browser.press(k.ARROW_RIGHT)
    assert browser.at() == last
    browser.press(k.ARROW_RIGHT)
    assert browser.at() == last
    for text in reversed(forth):
        browser.press(k.ARROW_LEFT)
        assert browser.run(shown) == text
    browser.press(k.END)
    assert browser.at() == last
    browser.press(k.HOME)
    assert browser.at() == 0


def test_a_choice_is_remembered(browser, small_page):
    path, tr = small_page
    step = tr.step_of("conv2")
    browser.open(path, f"#step={step.number}")
    browser.run("stepper.update({ short: 'dW', index: [3, 1, 2, 0] })")
    browser.run("stepper.go(0)")
    browser.run("stepper.go(arguments[0])", step.number)
    assert browser.run("return [stepper.state.short, stepper.state.index]") == ["dW", [3, 1, 2, 0]]


def test_addresses_lead_to_steps(browser, small_page):
    path, tr = small_page
    browser.open(path, "#step=12&lang=zh")
    assert browser.at() == 12
    assert browser.run("return document.documentElement.lang") == "zh"
    browser.run("location.hash = '#step=3'")
    browser.driver.execute_async_script("setTimeout(arguments[0], 100)")
    assert browser.at() == 3
    browser.press(keys().ARROW_RIGHT)
    browser.driver.execute_async_script("setTimeout(arguments[0], 400)")
    assert "step=4" in browser.run("return location.hash")
    for address, number in (("#step=99999", len(tr.steps) - 1), ("#step=-3", 0), ("#step=x", 0)):
        browser.open(path, address)
        assert browser.at() == number


def test_the_keyboard_alone_is_enough(browser, small_page):
    """Search a step, choose its second result, move the window, turn the view, ask for help."""
    path, tr = small_page
    step = tr.step_of("conv2")
    browser.open(path)
    k = keys()
    browser.press("/", *"conv2 conv2d backward")
    assert browser.run("return document.activeElement.id") == "search-input"
    browser.press(k.ENTER)
    assert browser.at() == step.number
    focused = "return document.activeElement.dataset.key ?? document.activeElement.id"
    reached = set()
    for _ in range(200):
        browser.press(k.TAB)
        reached.add(browser.run(focused))
        if browser.run(focused) == "target dW":
            break
    browser.press(k.ENTER)
    assert browser.run("return stepper.state.short") == "dW"
    assert browser.run(focused) == "target dW", "the focus stays where it was"
    before = browser.run("return stepper.state.index")
    moves = [
        (k.ARROW_DOWN, 2, 1),
        (k.ARROW_UP, 2, -1),
        (k.ARROW_RIGHT, 3, 1),
        (k.ARROW_LEFT, 3, -1),
    ]
    for key, axis, by in moves:
        browser.press((k.SHIFT, key))
        after = browser.run("return stepper.state.index")
        expected = list(before)
        expected[axis] = min(max(before[axis] + by, 0), 2)
        assert after == expected
        before = after
    browser.run("stepper.update({ short: 'dX', index: [1, 0, 4, 4] })")
    assert browser.run("return stepper.state.view") == "gather"
    browser.press("g")
    assert browser.run("return document.querySelectorAll('.scatter .equal').length") == 1
    delta = browser.run("return document.querySelector('.scatter h3').innerText")
    browser.press((k.SHIFT, k.ARROW_RIGHT), (k.SHIFT, k.ARROW_DOWN))
    assert browser.run("return document.querySelector('.scatter h3').innerText") != delta
    browser.press("?")
    assert browser.run("return document.getElementById('help').open")
    assert browser.run("return document.getElementById('help').scrollTop") == 0
    browser.press(k.ESCAPE)
    assert not browser.run("return document.getElementById('help').open")
    browser.press("o")
    browser.press("o")
    assert browser.run("return document.activeElement.className") == "row-name"
    browser.press(k.TAB, k.ENTER)
    assert browser.at() != step.number
    assert browser.complaints() == []


def test_every_control_can_be_reached_and_seen(browser, small_page):
    path, tr = small_page
    browser.open(path, f"#step={tr.step_of('conv2').number}")
    wanted = browser.run("""
        const all = "button, select, canvas[tabindex], summary, input, [tabindex='0']";
        return [...document.querySelectorAll(all)].filter((e) => e.checkVisibility() &&
          !e.disabled && !e.closest("dialog")).length;
    """)
    browser.run("document.activeElement.blur(); window.reached = new Set()")
    for _ in range(wanted + 10):
        browser.press(keys().TAB)
        hidden = browser.run("""
            const e = document.activeElement;
            window.reached.add(e);
            const style = getComputedStyle(e);
            return e !== document.body && style.outlineStyle === "none";
        """)
        assert not hidden, "what has the focus shows it"
    assert browser.run("return window.reached.size") >= wanted


def test_pictures_tell_exact_values(browser, small_page):
    path, tr = small_page
    step = tr.step_of("fc")
    browser.open(path, f"#step={step.number}")
    result = step.result("dx").contribution
    place = int(np.abs(result.array).argmax())
    browser.run("document.querySelector('canvas[data-result]').focus()")
    said = browser.run("return document.activeElement.getAttribute('aria-label')")
    assert f"∂L/∂x[1,{place}] = " in said
    number = float(said.rsplit("= ", 1)[1].replace("−", "-"))
    assert np.float32(number) == result.array[0, place]


def test_both_languages_say_everything(browser, small_page):
    path, tr = small_page
    browser.open(path)
    texts = browser.run("return stepper.texts")
    assert texts["en"].keys() == texts["zh"].keys()
    browser.run("""
        const select = document.getElementById("language");
        select.value = "zh";
        select.dispatchEvent(new Event("change"));
    """)
    shown = browser.run("return document.body.innerText")
    assert "反向传播，一步一步看" in shown and "下一步" in shown
    for sentence in ("Press", "Backward", "The sum behind", "step of", "Overview"):
        assert sentence not in shown
    step = next(s for s in tr.steps if s.operation == "CrossEntropy" and s.phase == "backward")
    browser.run("stepper.go(arguments[0])", step.number)
    shown = browser.run("return document.body.innerText")
    assert "CrossEntropy 的 概率" in shown and "probabilities" not in shown


@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize("width", [360, 768, 1440])
def test_no_width_needs_sideways_scrolling(browser, small_page, width, dark):
    path, tr = small_page
    browser.size(width, dark=dark)
    browser.open(path)
    for step in tr.steps:
        browser.run("stepper.go(arguments[0])", step.number)
        assert browser.run("return document.documentElement.scrollWidth") <= width, step.title
        cut = browser.run("""
            return [...document.querySelectorAll(".scroll:has(.terms)")]
              .filter((e) => e.scrollWidth > e.clientWidth).map((e) => e.innerText);
        """)
        assert cut == [], "a sum's result is seen without scrolling"
    ground = browser.run("return getComputedStyle(document.body).backgroundColor")
    assert (sum(map(int, ground[4:-1].split(","))) < 384) == dark
    browser.run("document.getElementById('theme').click()")
    turned = browser.run("return getComputedStyle(document.body).backgroundColor")
    assert (sum(map(int, turned[4:-1].split(","))) < 384) != dark
    if width == 360:
        browser.run("document.getElementById('open-help').click()")
        assert browser.run("return document.documentElement.scrollWidth") <= width


def test_branches_and_what_each_brought(browser, small_page):
    path, tr = small_page
    step = next(s for s in tr.steps if s.phase == "backward" and s.operation == "ReLU"
                and sum(r.to == s.number for e in tr.steps for r in e.results) == 2)  # fmt: skip
    browser.open(path, f"#step={step.number}")
    numbers = browser.run("""
        return [...document.querySelectorAll(".fan .totals tr")].map((r) => r.cells[1].innerText);
    """)
    one, other, both = (float(n.replace("−", "-").replace("·10", "e").translate(
        str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹⁻", "0123456789-"))) for n in numbers)  # fmt: skip
    assert both == pytest.approx(one + other, rel=1e-4)
    assert browser.run("return document.querySelectorAll('.branches path[d*=C]').length") == 2


def test_parts_of_a_sample_add_up(browser, small_page):
    path, tr = small_page
    step = tr.step_of("conv2")
    browser.open(path, f"#step={step.number}")
    found = browser.run("""
        const step = stepper.steps[arguments[0]];
        const { sum } = stepper.ask(step, "dW", [2, 1, 0, 1]);
        stepper.update({ short: "dW", index: [2, 1, 0, 1] });
        const rows = [...document.querySelectorAll("#sum .totals tr")];
        return [sum.total, sum.rest, sum.recorded, rows.length];
    """, step.number)  # fmt: skip
    assert found[0] + found[1] == pytest.approx(found[2]) and found[3] == 3
    assert found[2] == pytest.approx(float(step.result("dW").contribution.array[2, 1, 0, 1]))


def test_why_zero_leads_to_the_cause(browser, small_page):
    path, tr = small_page
    step = next(s for s in tr.steps if s.phase == "backward" and s.operation == "ReLU")
    place = np.argwhere(step.result("dx").contribution.array == 0)[0].tolist()
    place[0] += tr.sample
    browser.open(path, f"#step={step.number}")
    browser.run("stepper.update({ index: arguments[0] })", place)
    text = browser.run("return document.querySelector('.zero').innerText")
    assert "is off at this place" in text or "is 0" in text or "dropped" in text
    link = browser.run("return Number(document.querySelector('.zero .link').dataset.step)")
    browser.run("document.querySelector('.zero .link').click()")
    assert browser.at() == link


# ------------------------------------------------------------------------ odd runs


def open_trace(browser, tr, tmp_path, **options):
    tr.save_html(tmp_path / "odd.html", **options)
    browser.open(tmp_path / "odd.html")
    visit_all(browser)
    assert browser.complaints() == []
    assert browser.run("return [...stepper.missingTexts]") == []


def test_a_forward_alone(browser, tmp_path, small_network):
    model = small_network()
    with mc.trace(model, sample=0) as tr, mc.no_grad():
        model(mc.randn(2, 2, 8, 8))
    open_trace(browser, tr, tmp_path)
    text = browser.run("return document.getElementById('overview').innerText")
    assert "Only the forward was recorded" in text


def test_nan_and_infinity_are_shown_as_such(browser, tmp_path):
    x = mc.tensor([[-1.0, 4.0, np.inf, 2.0]], requires_grad=True)
    with mc.trace(sample=None) as tr:
        loss = (mc.sqrt(x) * 2).sum()
    list(tr.backward(loss))
    open_trace(browser, tr, tmp_path)
    browser.run("stepper.go(0)")
    text = browser.run("return document.getElementById('step').innerText")
    assert "1 NaN" in text and "1 infinite" in text
    browser.run("document.querySelector('canvas[data-result]').focus()")
    assert "NaN" in browser.run("return document.activeElement.getAttribute('aria-label')")


def test_what_was_left_out_is_said(browser, tmp_path, traced):
    open_trace(browser, traced(watch="conv2"), tmp_path, language="en")
    text = browser.run("return document.getElementById('omissions').innerText")
    assert "arrays are not on this page" in text and "only conv2 was watched" in text
    browser.run("stepper.go(0)")
    assert browser.run("return document.querySelectorAll('.missing .thumbnails canvas').length")
    open_trace(browser, traced(budget=3000), tmp_path, language="en")
    text = browser.run("return document.getElementById('omissions').innerText")
    assert "the memory that the trace was allowed was used up" in text
    open_trace(browser, traced(), tmp_path, language="en", budget=1000)
    text = browser.run("return document.getElementById('omissions').innerText")
    assert "did not fit into the size" in text


def test_all_samples_and_large_batches(browser, tmp_path, traced):
    open_trace(browser, traced(n=4, sample=None), tmp_path)
    assert browser.run("return document.body.innerText").count("other 3 samples") == 0


def test_names_are_text_and_nothing_else(browser, tmp_path):
    model = mc.nn.Sequential()
    model.add_module(EVIL.replace(".", "_"), mc.nn.Linear(4, 3))
    source = f"z = model(x)  # {EVIL}\n"
    file = tmp_path / "evil<img src=x onerror=hacked=1>.py"
    file.write_text(source, encoding="utf-8")
    x = mc.randn(2, 4)
    space = {"model": model, "x": x}
    with mc.trace(model) as tr:
        exec(compile(source, str(file), "exec"), space)
        loss = F.cross_entropy(space["z"], mc.tensor([0, 1]))
    list(tr.backward(loss))
    open_trace(browser, tr, tmp_path, title=EVIL, note=EVIL)
    assert browser.run("return window.hacked ?? null") is None
    assert browser.run("return document.querySelectorAll('img, b > b').length") == 0
    browser.run("stepper.go(0)")
    shown = browser.run("return document.body.textContent")
    assert EVIL.replace(".", "_") in shown and "</script><img" in shown
    assert browser.run("return document.title").count("</script>") >= 1


def test_functions_of_the_users_own(browser, tmp_path):
    class Cube(mc.autograd.Function):
        equations = ("y = x · x · x  </script>",)

        @staticmethod
        def forward(ctx, x):
            ctx.save_for_backward(x)
            return x * x * x

        @staticmethod
        def backward(ctx, delta):
            (x,) = ctx.saved_tensors
            return 3 * x * x * delta

    x = mc.randn(3, requires_grad=True)
    with mc.trace(sample=None) as tr:
        loss = Cube.apply(x).sum()
    list(tr.backward(loss))
    open_trace(browser, tr, tmp_path, language="en")
    step = next(s for s in tr.steps if s.phase == "backward" and s.operation == "Cube")
    browser.run("stepper.go(arguments[0])", step.number)
    text = browser.run("return document.getElementById('step').innerText")
    assert "y = x · x · x </script>" in " ".join(text.split())
    assert "are not written out as sums" in text


def test_large_networks_fold_and_unfold(browser, tmp_path):
    model = mc.models.resnet20()
    with mc.trace(model, watch="layer1") as tr:
        loss = F.cross_entropy(model(mc.randn(1, 3, 32, 32)), mc.tensor([1]))
    list(tr.backward(loss))
    tr.save_html(tmp_path / "deep.html", language="en")
    browser.open(tmp_path / "deep.html")
    rows = "return document.querySelectorAll('.row').length"
    folded = browser.run(rows)
    assert folded < 20
    browser.run("document.querySelector('.fold[aria-expanded=false]').click()")
    assert browser.run(rows) > folded
    step = next(s for s in tr.steps if s.phase == "backward" and s.layer.startswith("layer"))
    browser.run("stepper.go(arguments[0])", step.number)
    assert browser.run("return document.querySelectorAll('.row.here').length") == 1
    assert browser.complaints() == []


def test_names_and_notes_are_in_the_chosen_language(browser, tmp_path):
    """A gradient that a hook has changed, a δ that was sent in, a forward that was not recorded."""
    x = mc.tensor([1.0, 2.0], requires_grad=True)
    early = x * 2.0
    with mc.trace() as tr:
        y = early * 3.0
        y.register_hook(lambda g: g * 2)
        loss = y * 1.0
    list(tr.backward(loss, mc.ones(2)))
    noted = next(s for s in tr.steps if s.note)
    noted.note += " More."
    strange = next(s for s in tr.steps if s.number != noted.number and s.phase == "backward")
    tr.save_html(tmp_path / "own.html")
    noted.note = noted.note.removesuffix(" More.")
    tr.save_html(tmp_path / "run.html")
    shown = "return document.getElementById('step').innerText"
    for page, english, chinese in (
        ("run", "was not recorded", "没有被记录"),
        ("own", "in place. More.", "in place. More."),
    ):
        browser.open(tmp_path / f"{page}.html")
        for language, text in (("en", english), ("zh", chinese)):
            browser.run("stepper.setLanguage(arguments[0])", language)
            browser.run("stepper.go(arguments[0])", noted.number)
            assert text in browser.run(shown)
    names = {v.name for v in tr.values}
    assert any(name.endswith(", changed by a hook") for name in names)
    assert "δ that was sent in" in names and strange.deltas
    for name in names:
        browser.run("stepper.setLanguage('zh')")
        chinese = browser.run("return stepper.nameOf({ name: arguments[0] })", name)
        assert "hook" not in name or chinese.endswith("，被 hook 改过")
        assert "that was sent in" not in chinese and "changed by" not in chinese
