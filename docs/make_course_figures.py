"""Draw the figures of the course's hand-outs (minicnn/courses/handouts/*.svg), but number 5.

    python docs/make_course_figures.py

Every number in them is computed here, by `minicnn.textbook` or from the equation.
"""

from pathlib import Path

import numpy as np

from minicnn import textbook

HANDOUTS = Path(__file__).resolve().parent.parent / "minicnn" / "courses" / "handouts"
CELL = 34
LINE, MARK, FILL, SOFT, INK = "#555", "#d97706", "#f4a64155", "#2563eb22", "#111"


class Sheet:
    """A white sheet to draw on; places are in pixels, from the top left."""

    def __init__(self, width, height, title):
        self.width, self.height, self.title, self.parts = width, height, title, []

    def text(self, x, y, text, size=14, anchor="middle", color=INK):
        text = str(text).replace("&", "&amp;").replace("<", "&lt;")
        self.parts.append(
            f'<text x="{x:g}" y="{y:g}" font-size="{size}" text-anchor="{anchor}" '
            f'fill="{color}">{text}</text>'
        )

    def box(self, x, y, width, height, fill="none", line=LINE, thick=1, dash=False, round_=0):
        dashed = ' stroke-dasharray="3 3"' if dash else ""
        self.parts.append(
            f'<rect x="{x:g}" y="{y:g}" width="{width:g}" height="{height:g}" rx="{round_}" '
            f'fill="{fill}" stroke="{line}" stroke-width="{thick}"{dashed}/>'
        )

    def line(self, points, color=LINE, thick=1.5, arrow=False, dash=False):
        path = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
        end = ' marker-end="url(#end)"' if arrow else ""
        dashed = ' stroke-dasharray="5 4"' if dash else ""
        self.parts.append(
            f'<polyline points="{path}" fill="none" stroke="{color}" stroke-width="{thick}"'
            f"{dashed}{end}/>"
        )

    def dot(self, x, y, radius=4, fill=INK):
        self.parts.append(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{radius}" fill="{fill}"/>')

    def grid(self, x, y, values, title="", marked=(), soft=(), dashed=(), cell=CELL):
        """A table of numbers; marked, soft (blue) and dashed name cells (row, column)."""
        rows, columns = np.shape(values)
        for i, j in np.ndindex(rows, columns):
            at = x + j * cell, y + i * cell
            fill = FILL if (i, j) in marked else SOFT if (i, j) in soft else "none"
            self.box(*at, cell, cell, fill=fill, dash=(i, j) in dashed)
        for i, j in marked:
            self.box(x + j * cell, y + i * cell, cell, cell, line=MARK, thick=2)
        for i, j in np.ndindex(rows, columns):
            value = values[i][j]
            shown = value if isinstance(value, str) else f"{value:.3g}".replace("-", "−")
            self.text(x + (j + 0.5) * cell, y + (i + 0.65) * cell, shown, 13)
        if title:
            self.text(x + columns * cell / 2, y - 8, title)

    def svg(self):
        head = (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {self.width} {self.height}" '
            'role="img" font-family="sans-serif">'
        )
        arrow = (
            '<defs><marker id="end" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" '
            f'markerHeight="7" orient="auto"><path d="M0 0L8 4L0 8z" fill="{LINE}"/></marker>'
            "</defs>"
        )
        white = f'<rect width="{self.width}" height="{self.height}" fill="#fff"/>'
        return "\n".join(
            [head, f"<title>{self.title}</title>", arrow, white, *self.parts, "</svg>", ""]
        )


def _window(top, left, height, width):
    return [(top + i, left + j) for i, j in np.ndindex(height, width)]


def correlation():
    sheet = Sheet(420, 160, "The kernel lies on a window; the sum of the products is one output")
    x, w = np.arange(9).reshape(3, 3), np.array([[0, 1], [2, 3]])
    sheet.grid(20, 40, x, "X", marked=_window(0, 1, 2, 2))
    sheet.text(150, 95, "⊙", 18)
    sheet.grid(175, 57, w, "W", marked=_window(0, 0, 2, 2))
    sheet.text(275, 95, "Σ =", 16)
    sheet.grid(310, 57, textbook.cross_correlate(w, x), "Y = W ⊗ X", marked=[(0, 1)])
    return sheet


def convolution():
    sheet = Sheet(600, 230, "Convolution: zeros around the image, the kernel turned by 180°")
    x, w = np.array([[1, 2], [3, 4]]), np.array([[1, 0], [2, 5]])
    sheet.grid(20, 60, w, "W", soft=[(0, 0)])
    sheet.line([(95, 94), (128, 94)], arrow=True)
    sheet.text(112, 84, "180°", 12)
    turned = textbook.rot180(w)
    sheet.grid(135, 60, turned, "rot180(W)", soft=[(1, 1)], marked=_window(0, 0, 2, 2))
    wide = np.pad(x, 1)
    border = [p for p in np.ndindex(4, 4) if not (0 < p[0] < 3 and 0 < p[1] < 3)]
    sheet.grid(250, 50, wide, "X with m − 1 zeros around", dashed=border,
               marked=_window(0, 1, 2, 2))  # fmt: skip
    sheet.text(415, 122, "Σ =", 16)
    sheet.grid(450, 67, textbook.convolve2d(w, x), "W ∗ X", marked=[(0, 1)])
    return sheet


def layer():
    sheet = Sheet(680, 190, "Where a kernel of 3 lies on an axis: stride 2, padding 1, dilation 2")
    axis = [["0", *"abcdefg", "0"]]
    sheet.grid(160, 30, axis, dashed=[(0, 0), (0, 8)])
    sheet.text(148, 52, "padded axis", 13, "end")
    for row, (text, s, d) in enumerate((("stride 2, dilation 1", 2, 1), ("dilation 2", 2, 2))):
        reach = 2 * d + 1
        for o in range((9 - reach) // s + 1):
            y = 80 + row * 55 + o * 10
            first = 160 + o * s * CELL
            sheet.line([(first, y), (first + reach * CELL, y)], color="#cbd5e1", thick=2)
            for u in range(3):
                sheet.box(first + u * d * CELL + 4, y - 3, CELL - 8, 6, fill=MARK, line="none")
        sheet.text(148, 98 + row * 55, text, 13, "end")
    sheet.text(490, 98, "⌊(7 + 2 − 3)/2⌋ + 1 = 4", 13, "start")
    sheet.text(490, 153, "⌊(7 + 2 − 5)/2⌋ + 1 = 3", 13, "start")
    return sheet


def im2col():
    sheet = Sheet(440, 210, "Every window becomes a column")
    x = np.arange(1, 10).reshape(3, 3)
    sheet.grid(20, 60, x, "x", marked=_window(0, 1, 2, 2))
    sheet.line([(140, 110), (185, 110)], arrow=True)
    sheet.text(162, 100, "im2col", 12)
    columns = textbook.unfold(x[None, None].astype(float), (2, 2))[0]
    sheet.grid(200, 43, columns, "a window in each column", marked=_window(0, 1, 4, 1))
    for i, place in enumerate(("(0,0)", "(0,1)", "(1,0)", "(1,1)")):
        sheet.text(370, 65 + i * CELL, f"entry {place}", 12, "start")
    return sheet


def input_gradient():
    sheet = Sheet(560, 230, "∂L/∂X: δ with zeros around it meets the kernel turned by 180°")
    delta, w = np.array([[1.0, 0], [0, 2]]), np.array([[1.0, 2], [3, 4]])
    sheet.grid(20, 68, textbook.rot180(w), "rot180(W)", marked=_window(0, 0, 2, 2))
    sheet.text(120, 107, "⊗", 18)
    border = [p for p in np.ndindex(4, 4) if not (0 < p[0] < 3 and 0 < p[1] < 3)]
    sheet.grid(150, 50, np.pad(delta, 1), "δ with zeros around", dashed=border,
               marked=_window(1, 1, 2, 2))  # fmt: skip
    sheet.text(325, 122, "=", 18)
    sheet.grid(350, 67, textbook.input_derivative_rotated_kernel(delta, w), "∂L/∂X",
               marked=[(1, 1)])  # fmt: skip
    return sheet


def relu():
    sheet = Sheet(420, 190, "ReLU lets δ through where z is positive")
    z, delta = np.array([[-2.0, 3, 0, 1]]), np.array([[5.0, 6, 7, -8]])
    passed = [(0, j) for j in range(4) if z[0, j] > 0]
    rows = ("z", z), ("slope", (z > 0) * 1.0), ("δ", delta), (
        "∂L/∂z", textbook.relu_gradient(delta, z))  # fmt: skip
    for i, (name, values) in enumerate(rows):
        sheet.text(110, 42 + i * 40, name, 14, "end")
        sheet.grid(130, 20 + i * 40, values, marked=passed if i in (1, 3) else (), cell=36)
    return sheet


def pooling():
    sheet = Sheet(580, 190, "Two overlapping windows share a maximum: it gets both δ")
    x = np.array([[1.0, 3, 2], [4, 9, 5]])
    delta = np.array([[10.0, 20]])
    _, argmax = textbook.max_pool2d(x[None, None], (2, 2), (1, 1))
    dx = textbook.max_pool2d_gradient(delta[None, None], argmax, (2, 3))[0, 0]
    sheet.grid(40, 60, x, marked=[(1, 1)])
    sheet.text(91, 44, "x")
    sheet.box(36, 56, 2 * CELL + 6, 2 * CELL + 8, line="#2563eb", thick=2, dash=True)
    sheet.box(38 + CELL, 52, 2 * CELL + 8, 2 * CELL + 16, line="#16a34a", thick=2, dash=True)
    sheet.grid(190, 77, delta, "δ", soft=[(0, 0)])
    sheet.line([(270, 94), (305, 94)], arrow=True)
    sheet.grid(320, 60, dx, "∂L/∂x, max", marked=[(1, 1)])
    mean = textbook.avg_pool2d_gradient(delta[None, None], (2, 3), (2, 2), (1, 1))[0, 0]
    sheet.grid(450, 60, mean, "∂L/∂x, mean")
    sheet.text(91, 160, "windows 2 × 2, stride 1", 12)
    return sheet


def softmax_loss():
    sheet = Sheet(600, 210, "softmax − onehot, divided by N")
    z, labels = np.array([[0.0, 0, 0], [np.log(2), 0, 0]]), [2, 0]
    s = textbook.softmax(z)
    hot = textbook.cross_entropy_gradient(z, np.array(labels))
    marked = list(enumerate(labels))
    sheet.grid(20, 60, [["0", "0", "0"], ["ln 2", "0", "0"]], "z", cell=50)
    sheet.line([(178, 110), (208, 110)], arrow=True)
    sheet.grid(218, 60, s, "softmax(z)", marked=marked, cell=50)
    sheet.line([(376, 110), (406, 110)], arrow=True)
    sheet.grid(416, 60, hot, "∂L/∂z", marked=marked, cell=50)
    sheet.text(293, 190, "marked: the labels, where 1 is subtracted; all divided by N = 2", 12)
    return sheet


def graph():
    sheet = Sheet(520, 230, "Node 0 feeds two others: its gradient is the sum of two shares")
    places = {0: (60, 115), 1: (210, 55), 2: (210, 175), 3: (370, 115)}
    edges = [(0, 1, 2), (0, 2, 3), (1, 3, 5), (2, 3, 7)]
    gradient = {3: 1.0, 1: 5.0, 2: 7.0, 0: 2 * 5.0 + 3 * 7.0}
    for s, t, slope in edges:
        (x0, y0), (x1, y1) = places[s], places[t]
        length = np.hypot(x1 - x0, y1 - y0)
        dx, dy = (x1 - x0) / length * 22, (y1 - y0) / length * 22
        sheet.line([(x0 + dx, y0 + dy), (x1 - dx, y1 - dy)], arrow=True)
        sheet.text((x0 + x1) / 2, (y0 + y1) / 2 - 8, f"slope {slope}", 13, color=MARK)
    for node, (x, y) in places.items():
        sheet.box(x - 20, y - 20, 40, 40, fill="#fff", thick=2, round_=20)
        sheet.text(x, y + 5, node)
        sheet.text(x, y + 38, f"∂L/∂ = {gradient[node]:g}", 13, color="#2563eb")
    sheet.text(440, 110, "root, δ = 1", 13)
    sheet.text(60, 195, "2·5 + 3·7", 13, color="#2563eb")
    return sheet


def checker():
    sheet = Sheet(420, 250, "The central difference has nearly the slope of the tangent")

    def place(x):
        return 40 + 130 * x, 220 - 22 * x**3

    sheet.line([place(x) for x in np.linspace(0, 2.05, 60)], color=INK, thick=2)
    for a, b, color, name in ((0.5, 1.5, "#2563eb", "(L(x + h) − L(x − h)) / 2h"),
                              (1.0, 1.5, "#dc2626", "(L(x + h) − L(x)) / h")):  # fmt: skip
        (x0, y0), (x1, y1) = place(a), place(b)
        rise = (y1 - y0) / (x1 - x0)
        sheet.line([(x0 - 25, y0 - 25 * rise), (x1 + 60, y1 + 60 * rise)], color, 1.5, dash=True)
        sheet.text(50, 40 + 22 * (color == "#dc2626"), name, 13, "start", color)
    for x, name in ((0.5, "x − h"), (1.0, "x"), (1.5, "x + h")):
        sheet.dot(*place(x))
        sheet.line([place(x), (place(x)[0], 222)], "#cbd5e1", 1)
        sheet.text(place(x)[0], 238, name, 12)
    return sheet


def batch_norm():
    sheet = Sheet(540, 220, "∂L/∂x: δ, without its mean, and without its share along x̂")
    x, delta = np.array([-1.0, 0, 1]), np.array([4.0, 0, 2])
    x_hat = x / np.sqrt((x**2).mean())
    centred = delta - delta.mean()
    rest = centred - x_hat * (delta * x_hat).mean()
    columns = ("δ", delta), ("− mean of δ", centred), ("− x̂ · mean of δ·x̂", rest)
    for i, (name, values) in enumerate(columns):
        left = 40 + i * 175
        sheet.line([(left - 10, 120), (left + 120, 120)], LINE, 1)
        for j, v in enumerate(values):
            top = 120 - max(v, 0) * 20
            sheet.box(left + j * 40, top, 28, abs(v) * 20, fill=FILL, line=MARK)
            sheet.text(left + j * 40 + 14, top - 5 if v > 0 else 137 + abs(min(v, 0)) * 20,
                       f"{v:.3g}".replace("-", "−"), 12)  # fmt: skip
        sheet.text(left + 55, 205, name, 13)
    sheet.text(270, 22, "x = −1, 0, 1: the rest adds up to 0, and so does its product with x", 12)
    return sheet


def training():
    sheet = Sheet(460, 230, "Twelve steps down a long valley, with and without momentum")

    def place(w):
        return 230 + w[0] * 42, 120 - w[1] * 55

    for size in (0.5, 1.0, 1.7, 2.6, 3.6):
        around = np.linspace(0, 2 * np.pi, 80)
        ring = [(size * np.cos(a) * 1.2, size * np.sin(a) * 0.38) for a in around]
        sheet.line([place(p) for p in ring], "#cbd5e1", 1)
    for momentum, color, name in ((0.0, "#dc2626", "μ = 0"), (0.6, "#2563eb", "μ = 0.6")):
        w, v, path = np.array([-4.2, 1.0]), np.zeros(2), []
        for _ in range(13):
            path.append(place(w))
            gradient = w * np.array([0.1, 1.0])  # L = 0.05 w₀² + 0.5 w₁²
            w, v = textbook.sgd_momentum_step(w, gradient, v, lr=1.2, momentum=momentum)
        sheet.line(path, color, 2)
        for p in path:
            sheet.dot(*p, 3, color)
        sheet.text(400, 30 + 20 * (momentum > 0), name, 14, "start", color)
    return sheet


def residual():
    sheet = Sheet(560, 220, "Forwards two ways add up; backwards both get the same δ")

    def block(x, y, width, name, fill=SOFT):
        sheet.box(x, y, width, 40, fill=fill, round_=6)
        sheet.text(x + width / 2, y + 25, name)

    sheet.text(30, 115, "x", 16)
    sheet.line([(45, 110), (80, 110), (80, 50), (110, 50)], arrow=True)
    block(112, 30, 150, "conv → ReLU → conv")
    sheet.line([(80, 110), (80, 170), (110, 170)], arrow=True)
    block(112, 150, 150, "W_s, every s-th pixel")
    sheet.line([(262, 50), (330, 50), (330, 95)], arrow=True)
    sheet.line([(262, 170), (330, 170), (330, 125)], arrow=True)
    sheet.box(316, 96, 28, 28, fill="#fff", thick=2, round_=14)
    sheet.text(330, 116, "+", 18)
    sheet.line([(344, 110), (388, 110)], arrow=True)
    block(390, 90, 70, "ReLU")
    sheet.line([(460, 110), (500, 110)], arrow=True)
    sheet.text(515, 115, "y", 16)
    sheet.text(425, 155, "δ ⊙ [total > 0]", 13, color="#2563eb")
    for y in (75, 205):
        sheet.text(187, y + 10, "← the same δ", 13, color="#2563eb")
    sheet.text(75, 205, "∂L/∂x: sum", 13, color="#2563eb")
    sheet.text(75, 188, "↑", 13, color="#2563eb")
    return sheet


FIGURES = {
    "ex01_correlation": correlation,
    "ex02_convolution": convolution,
    "ex03_layer": layer,
    "ex04_im2col": im2col,
    "ex06_input_gradient": input_gradient,
    "ex07_linear_relu": relu,
    "ex08_pooling": pooling,
    "ex09_softmax_loss": softmax_loss,
    "ex10_graph": graph,
    "ex11_gradient_checker": checker,
    "ex12_batch_norm": batch_norm,
    "ex13_training": training,
    "ex14_residual": residual,
}


def made():
    """The text of every figure, by its path."""
    return {HANDOUTS / f"{name}.svg": draw().svg() for name, draw in FIGURES.items()}


if __name__ == "__main__":
    for path, text in made().items():
        path.write_text(text, encoding="utf-8")
