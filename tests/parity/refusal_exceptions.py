"""Where minicnn and PyTorch differ about bad calls, and why. `test_refusals` holds it to the truth.

An exception is (kind, names, what was spoiled, reason); names and what are regular expressions.

- ``accepted``: PyTorch refuses the call only because of a limit of its own, and ours works rightly.
- ``refused``: PyTorch takes the call, minicnn does not.
- ``differs``: both take it, with different results.
- ``text``: the text of the error begins with something else than the operation's name.
"""

# What is compared in several steps: errors of gradients are tests/test_autograd.py's.
LEFT_OUT = (
    r"autograd\..*",
    r"Tensor\.(backward|register_hook|retain_grad|data|T|ndim|requires_grad|is_leaf)",
    r"Tensor\.register_post_accumulate_grad_hook",
)

NOT_RUN = (
    # PyTorch draws again and again until a value falls between the bounds: for years.
    (r"nn\.init\.trunc_normal_", r"^(1: (huge|beyond)|[1-4]: (nan|inf))"),
    # A view of any size costs nothing; comparing it would.
    (r"Tensor\.expand", "huge"),
)

NOT_GIVEN = (
    "one Python signature stands for several of PyTorch's overloads: None (or an argument left "
    "out) is what was not given"
)
BACKWARD = "only PyTorch's backward fails; there is a gradient, and finite differences confirm it"
EMPTY = "PyTorch's kernel or backward does not know empty tensors; the result is empty too"
ONE_NUMBER = "True and False are no numbers of minicnn's: where one stands, it is a slip"
LIMITS = "windows are below 2³¹, integers have 64 bits, and nothing is tried that fits no memory"
FLOATING = (
    "layers compute with floating point; PyTorch takes integers here and there, without gradients"
)
ONE_DTYPE = "a layer has one dtype: PyTorch converts a bias or a factor here, and nowhere else"
RANGE = "the number has no meaning outside its range; PyTorch computes something all the same"
LATER = "PyTorch takes it when it is given, and fails, or ignores it, when it is used"

EXCEPTIONS = (
    # ------------------------------------------------------------------------------ accepted
    ("accepted", r"pow|Tensor\.pow_?|operator \*\*", r"1: as bool", BACKWARD),
    ("accepted", r"masked_fill", r"2: as float", BACKWARD),
    ("accepted", r"nn\.functional\.pixel_shuffle", r"empty along", EMPTY),
    ("accepted", r"nn\.functional\.(instance_norm|adaptive_avg_pool2d)", r"empty along", EMPTY),
    (
        "accepted",
        r"(Tensor\.)?(prod|sum|mean|var|std|max|min|squeeze)|arange|randint|eye",
        r"None$|without the last",
        NOT_GIVEN,
    ),
    (
        "accepted",
        r"nn\.functional\.cross_entropy",
        r"0: one dimension less",
        "the class of one sample may be a batch of one; with label_smoothing PyTorch forgets that",
    ),
    (
        "accepted",
        r"nn\.functional\.(cross_entropy|nll_loss)",
        r"1: as uint8",
        "labels of uint8 are taken everywhere; PyTorch takes them for (N, K) alone",
    ),
    (
        "accepted",
        r"nn\.utils\.clip_grad_value_",
        r"0: empty",
        "without gradients there is nothing to clip; PyTorch's grouping of them fails",
    ),
    (
        "accepted",
        r"Tensor\.clamp",
        r"^[12]: ",
        "the limits broadcast with x; PyTorch forgets that where three dtypes differ",
    ),
    (
        "accepted",
        r"operator \[\]=",
        r"^[02]: ",
        "the value is converted, as PyTorch does for slices, but not for lists of places",
    ),
    (
        "accepted",
        r"operator \[\]",
        r"1: a list",
        "nested lists are one index array; PyTorch still takes some of them for tuples",
    ),
    # ------------------------------------------------------------------------------- differs
    (
        "differs",
        r"(Tensor\.)?(var|std)",
        r"empty|one too few",
        "dim=() is all dimensions, for PyTorch's forward but not its backward: n times too much",
    ),
    (
        "differs",
        r"nn\.functional\.instance_norm",
        r"empty along 0",
        "an empty batch leaves the running statistics alone; PyTorch makes them NaN",
    ),
    ("differs", r"(Tensor\.)?(var|std)", r"nan$", "a correction of NaN gives NaN"),
    ("differs", r"nn\.functional\.normalize", r"1: nan", "a norm of order NaN is NaN"),
    (
        "differs",
        r"nn\.functional\.binary_cross_entropy_with_logits",
        r"as float32",
        "a mixed call is float64, as everywhere; PyTorch writes into (1 − target), a float32",
    ),
    (
        "differs",
        r"nn\.init\.normal_",
        r"inf",
        "which values of a distribution of ∞ are −∞ is random",
    ),
    (
        "differs",
        r"optim\.\w+",
        r"one too many",
        "a parameter given twice (both warn): what its two steps share is an accident",
    ),
    ("differs", r"optim\.lr_scheduler\.CosineAnnealingLR", r"huge", "the last digit of 10¹³"),
    ("differs", r"nn\.functional\.group_norm", r"0: empty", "an empty sum is 0, not NaN"),
    (
        "differs",
        r"nn\.functional\.(local_response_norm|normalize)",
        r"huge$",
        "powers of 10¹³ leave the range of float64 on the way: 0 · ∞ here or there",
    ),
    (
        "differs",
        r"nn\.utils\.get_total_norm",
        r"1: (zero|huge|nan)",
        "of one number PyTorch takes |x|, whatever the order",
    ),
    # ------------------------------------------------------------------------------- refused
    ("refused", r".*", r": a bool$", ONE_NUMBER),
    ("refused", r".*", r": (huge|beyond 64 bits)$", LIMITS),
    (
        "refused",
        r"nn\.functional\.((max|avg|lp)_pool\dd|(un)?fold|interpolate|dropout.*|local_response_norm)",
        r"0: as (int64|uint8|bool)",
        FLOATING,
    ),
    ("refused", r"nn\.functional\.(mse|smooth_l1)_loss", r"as bool", FLOATING),
    (
        "refused",
        r"nn\.functional\.(linear|conv.*|binary_cross_entropy_with_logits)",
        r"(2|bias|weight): as ",
        ONE_DTYPE,
    ),
    ("refused", r"nn\.functional\.instance_norm", r"as (float32|int64|uint8|bool)", ONE_DTYPE),
    (
        "refused",
        r"nn\.functional\.linear",
        r"[12]: one dimension",
        "a weight is (out, in), a bias has one number for each output; PyTorch broadcasts others",
    ),
    ("refused", r"nn\.functional\.\w+_norm", r"eps: (negative|nan)", RANGE),
    ("refused", r"nn\.functional\.cross_entropy", r"label_smoothing: (negative|nan)", RANGE),
    (
        "refused",
        r"nn\.functional\.(batch|instance)_norm",
        r"0: empty along 1",
        "no channels, but statistics of some",
    ),
    (
        "refused",
        r"randn|linspace",
        r"dtype: ",
        "of nothing (no elements, or one) PyTorch does not look at the dtype",
    ),
    (
        "refused",
        r"nn\.functional\.(normalize|lp_pool2d)",
        r": a tensor$",
        "an exponent or an ε is a number, without a gradient",
    ),
    (
        "refused",
        r"nn\.functional\.(pad|adaptive_max_pool2d)",
        r"negative|empty",
        "a border that leaves nothing, an image without channels: the next layer would refuse it",
    ),
    ("refused", r"nn\.functional\.interpolate", r"0: one dimension more", "volumes are not there"),
    ("refused", r"optim\.SGD", r"dampening: ", LATER),
    ("refused", r"nn\.functional\.normalize", r"1: None", "None names no norm (PyTorch takes 2)"),
    (
        "refused",
        r"nn\.functional\.conv_transpose1d",
        r"^(0|1|output_padding|dilation)",
        "of an empty batch PyTorch checks nothing; minicnn checks all calls alike",
    ),
    (
        "refused",
        r"nn\.functional\.adaptive_avg_pool2d",
        r"0: (one dimension less|empty)",
        "a matrix is no image; PyTorch returns the means over wrong axes where one output is asked",
    ),
    (
        "refused",
        r"nn\.functional\.max_unpool2d",
        r"^(2|stride)",
        "the window must be one of integers ≥ 1; with an output_size PyTorch does not look at it",
    ),
    ("refused", r"(Tensor\.)?where", r"[01]: as uint8", "deprecated in PyTorch: a mask is bool"),
    (
        "refused",
        r"linspace|tensor",
        r"uint8",
        "−1 is no uint8, and 255 in its place would be quietly something else",
    ),
    ("refused", r"tensor", r"(empty|one too few|a set)$", "ragged lists, of which some are empty"),
    ("refused", r"optim\.\w+", r": nan$", RANGE),
    ("refused", r"nn\.init\.\w+", r"(negative|inf|nan)$", RANGE),
    ("refused", r"nn\.init\.orthogonal_", r"gain: a tensor", "a gain is a number"),
    ("refused", r"nn\.utils\.vector_to_parameters", r"one dimension more", "a vector is asked for"),
    (
        "refused",
        r"nn\.functional\.stochastic_depth",
        r"0: ",
        "with p = 0 torchvision hands back whatever it is given",
    ),
    (
        "refused",
        r"Tensor\.cumsum_",
        r"0: as bool",
        "sums are int64, which does not fit into bool; PyTorch writes their truth",
    ),
    (
        "refused",
        r"operator \[\]=",
        r"a half|a float",
        "places are integers; PyTorch cuts the fractions off here, and refuses them in x[…]",
    ),
    (
        "refused",
        r"optim\.lr_scheduler\.\w+",
        r"(nan|negative|a half|a float|a string|None|a list|a tensor)$",
        LATER,
    ),
    (
        "refused",
        r"nn\.utils\.(clip.*|get_total_norm)",
        r"a string",
        "a number in words is no number",
    ),
)
