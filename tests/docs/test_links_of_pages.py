"""`docs/check_links.py` finds what is broken; and is content with what is not."""

import check_links
import pytest

GOOD = '<html><body id="top"><a href="other.html#place">x</a><a href="https://a.b/">y</a></body>'
OTHER = '<html><p id="place"><a href="#place">here</a><a href="page.html#top">back</a></p>'


@pytest.fixture
def site(tmp_path):
    (tmp_path / "page.html").write_text(GOOD)
    (tmp_path / "other.html").write_text(OTHER)
    return tmp_path


def test_good_pages_have_no_faults(site):
    assert list(check_links.faults(site)) == []


@pytest.mark.parametrize(
    ("added", "said"),
    [
        ('<a href="gone.html">x</a>', "no such file"),
        ('<a href="other.html#gone">x</a>', "no such place"),
        ('<a href="#gone">x</a>', "no such place"),
        ('<img src="gone.png">', "no such file"),
        ('<a href="../outside.html">x</a>', "no such file"),
        ('<script src="https://cdn.example/x.js"></script>', "loads https"),
        ('<link rel="stylesheet" href="//fonts.example/x.css">', "loads //"),
    ],
)
def test_faults_are_found(site, added, said):
    (site.parent / "outside.html").write_text("")
    check_links.page.cache_clear()
    (site / "page.html").write_text(GOOD + added)
    (found,) = check_links.faults(site)
    assert found.startswith("page.html ") and said in found


def test_styles_load_nothing_from_afar(site):
    (site / "site.css").write_text("@font-face { src: url('https://fonts.example/x.woff2') }")
    (found,) = check_links.faults(site)
    assert found == "site.css loads https://fonts.example/x.woff2"


def test_a_folder_without_pages_is_no_success(tmp_path, monkeypatch):
    monkeypatch.setattr("sys.argv", ["check_links.py", str(tmp_path)])
    with pytest.raises(SystemExit, match="holds no pages"):
        check_links.main()
