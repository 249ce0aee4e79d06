"""`reparameterization`: a diagram, of no data."""


def test_words(drawing):
    picture = drawing("reparameterization", None)
    (panel,) = picture.panels.flat
    words = [text.get_text() for text in panel.texts]
    for word in ("residual connection", "branches", "batch normalisation", "$W_e = W + I$"):
        assert words.count(word) == 1
    assert r"$W_e = W_d \cdots W_2 W_1$" in words
    assert not panel.axison
    # all of it is inside
    for text in panel.texts:
        x, y = text.xy
        assert panel.get_xlim()[0] <= x <= panel.get_xlim()[1]
        assert panel.get_ylim()[0] <= y <= panel.get_ylim()[1]
