"""Which lines compute a numbered equation: file, function, and a piece of the line itself.

The numbers of the lines are looked up in the sources; a piece that has gone, or stands there twice,
stops the build and fails a test. Three kinds: the textbook's loops, the operation that a network
runs, and the kernels that do its work, first the readable one (plain), then the fast one.
"""

SIGNALS = "minicnn/textbook/signals.py"
DERIVATIVES = "minicnn/textbook/derivatives.py"
LAYER = "minicnn/textbook/convolution.py"
POOLING = "minicnn/textbook/pooling.py"
OPERATION = "minicnn/ops/convolution.py"
PLAIN = "minicnn/kernels/plain.py"
FAST = "minicnn/kernels/cpu/convolution.py"
RECTANGLES = "minicnn/kernels/cpu/rectangles.py"
FAST_POOLING = "minicnn/kernels/cpu/pooling.py"
LINEAR = "minicnn/kernels/plain_products.py"

# What several equations share.
_Z_OPERATION = (OPERATION, "Conv2d.forward", 'find("conv2d"')
_Z_KERNELS = [
    (PLAIN, "conv2d", "z[part] = "),
    (FAST, "_correlate", "_tile0(steps"),
    (RECTANGLES, "make_tile", "multiply_add(weight"),
]
_DW_OPERATION = (OPERATION, "Conv2d.backward", "dw = find(")
_DW_KERNELS = [
    (PLAIN, "conv2d_weight_gradient", "dw += "),
    (RECTANGLES, "make_dots", "multiply_add(ours[i]"),
    (RECTANGLES, "make_outer", "multiply_add(pixels[i]"),
]
_DX_OPERATION = (OPERATION, "Conv2d.backward", "dx = find(")
_DX_KERNELS = [
    (PLAIN, "conv2d_input_gradient", 'columns = find("matmul"'),
    (PLAIN, "col2im", "+= columns[:, i, j]"),
    (FAST, "conv2d_input_gradient", "source, (n, f * plane, maps * plane), part.offset"),
    (RECTANGLES, "make_tile", "multiply_add(weight"),
]
_SLOPE = ("minicnn/ops/activation.py", "Activation.backward", "delta * self.slope")

# {key: (textbook, operations, kernels)}
LINES = {
    "1.1": ([(SIGNALS, "decay_signal", "y[t] += ")], [], []),
    "1.2": ([(SIGNALS, "convolve1d", "y[t] += ")], [], []),
    "1.3": ([(SIGNALS, "convolve1d", "y[t] += ")], [], []),
    "1.4": ([(SIGNALS, "convolve2d", "y[i, j] += ")], [], []),
    "1.5": ([(SIGNALS, "cross_correlate", "y[i, j] += ")], [_Z_OPERATION], _Z_KERNELS),
    "1.6": (
        [
            (DERIVATIVES, "kernel_derivative", "dw[u, v] += "),
            (LAYER, "conv2d_weight_gradient_direct", "total += "),
        ],
        [_DW_OPERATION],
        _DW_KERNELS,
    ),
    "1.7": (
        [(DERIVATIVES, "kernel_derivative_correlated", "cross_correlate(dy, x")],
        [_DW_OPERATION],
        _DW_KERNELS,
    ),
    "1.8": (
        [
            (DERIVATIVES, "input_derivative", "dx[s, t] += "),
            (LAYER, "conv2d_input_gradient_scatter", "dx[n, d, row, column] += "),
        ],
        [_DX_OPERATION],
        _DX_KERNELS,
    ),
    "1.9": (
        [
            (DERIVATIVES, "input_derivative_rotated_kernel", "return cross_correlate("),
            (DERIVATIVES, "input_derivative_rotated_error", "return cross_correlate("),
        ],
        [_DX_OPERATION],
        _DX_KERNELS,
    ),
    "1.10": (
        [("minicnn/textbook/layers.py", "linear", "y[n, k] += ")],
        [("minicnn/ops/linear.py", "Linear.forward", 'find("linear"')],
        [
            (LINEAR, "linear", 'find("matmul"'),
            ("minicnn/kernels/cpu/linear.py", "_forward", "y[n, first + j] = "),
        ],
    ),
    "1.11": ([(LAYER, "conv2d", "y[n, p, i, j] += ")], [_Z_OPERATION], _Z_KERNELS),
    "1.12": (
        [
            (LAYER, "conv2d_weight_gradient", "all_shifts = cross_correlate("),
            (LAYER, "conv2d_weight_gradient_direct", "total += "),
        ],
        [_DW_OPERATION],
        _DW_KERNELS,
    ),
    # A definition: here is where an operation is handed its δ.
    "1.13": (
        [],
        [
            (OPERATION, "Conv2d.backward", "def backward("),
            ("minicnn/graph.py", "walk", "gradients = node.operation.gradients("),
        ],
        [],
    ),
    "1.14": (
        [(LAYER, "conv2d_bias_gradient", "db[p] += ")],
        [(OPERATION, "Conv2d.backward", 'find("bias_gradient"')],
        [
            ("minicnn/kernels/plain_products.py", "bias_gradient", "return delta.sum("),
            ("minicnn/kernels/cpu/channels.py", "_bias_gradient", "total += "),
        ],
    ),
    "1.15": ([(LAYER, "conv2d", "y[n, p, i, j] += ")], [_Z_OPERATION], _Z_KERNELS),
    "1.16": (
        [(LAYER, "error_below_convolution", "error[index] = ")],
        [_DX_OPERATION, _SLOPE],
        _DX_KERNELS,
    ),
    "1.17": (
        [
            (POOLING, "max_pool2d_gradient", "dx[n, c, position"),
            (POOLING, "avg_pool2d_gradient", "dx[n, c, row, column] += "),
            (POOLING, "error_below_max_pooling", "error[index] = "),
        ],
        [
            ("minicnn/ops/pooling.py", "MaxPool2d.backward", 'find("max_pool2d_gradient"'),
            ("minicnn/ops/pooling.py", "AvgPool2d.backward", 'find("avg_pool2d_gradient"'),
            _SLOPE,
        ],
        [
            (PLAIN, "max_pool2d_gradient", "add.at("),
            (FAST_POOLING, "_max_pool2d_gradient", "+= flat_delta"),
            (PLAIN, "avg_pool2d_gradient", "dx[:, :, rows, columns] += "),
            (FAST_POOLING, "_avg_pool2d_gradient", "image[row, column] += "),
        ],
    ),
    "chain-rule": (
        [(LAYER, "conv2d_input_gradient_scatter", "dx[n, d, row, column] += ")],
        [
            ("minicnn/graph.py", "walk", "gradients = node.operation.gradients("),
            ("minicnn/graph.py", "walk", "send(edge, gradients[k], fresh)"),
        ],
        [],
    ),
    "conv-rot180": ([(SIGNALS, "rot180", "y[i, j] = ")], [], []),
    "conv-dx-stride": (
        [(LAYER, "conv2d_input_gradient", "wide = cross_correlate(")],
        [_DX_OPERATION],
        _DX_KERNELS,
    ),
    "conv-dw-stride": (
        [(LAYER, "conv2d_weight_gradient", "all_shifts = cross_correlate(")],
        [_DW_OPERATION],
        _DW_KERNELS,
    ),
    "max-pool": (
        [(POOLING, "max_pool2d", "y[n, c, i, j] = value")],
        [("minicnn/ops/pooling.py", "MaxPool2d.forward", 'find("max_pool2d"')],
        [
            (PLAIN, "max_pool2d", ".where(better, value, best)"),
            (FAST_POOLING, "_max_pool2d", "best[begin + q] = "),
        ],
    ),
    "mean-pool": (
        [(POOLING, "avg_pool2d", "total += ")],
        [("minicnn/ops/pooling.py", "AvgPool2d.forward", 'find("avg_pool2d"')],
        [
            (PLAIN, "avg_pool2d", "y += "),
            (FAST_POOLING, "_avg_pool2d", "total += "),
        ],
    ),
}
