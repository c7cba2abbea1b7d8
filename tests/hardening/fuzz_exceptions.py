"""Where the fuzzer's judge differs from the rule, and why."""

import re

from refusal_exceptions import EXCEPTIONS as KNOWN

NUMPY = (
    "NumPy's arrays and numbers are taken where tensors and numbers are; PyTorch's functions take "
    "them in some places and not in others"
)
TIES = "without stable=True the order of equal entries is nobody's promise"
ZERO_TIMES_INFINITY = (
    "0 · ∞: where a kernel does not visit the zeros of the padding, an infinite weight meets none"
)
LAYOUT = "it asks for the layout in memory, which the fuzzer makes another one than PyTorch's"

# (kind, names, what was spoiled, what was found, reason): regular expressions.
EXCEPTIONS = (
    ("accepted", r".*", r"junk np\.", r"", NUMPY),
    ("accepted", r"(Tensor\.)?remainder|operator %", r"", "derivative for", "there is a gradient"),
    (
        "accepted",
        r"remainder|add|sub|mul|div|pow|floor_divide|maximum|minimum|where|eq|ne|lt|le|gt|ge|\w+_and",
        r"",
        r"(?s)combination of arguments - got \((Tensor, )?(float|int|bool)|must be Tensor, not",
        "two numbers are computed with as if they were tensors of one",
    ),
    (
        "accepted",
        r".*",
        r"of shape|empty|as |bool",
        r"returned an invalid gradient|Autograd not support|INTERNAL ASSERT"
        r"|^RuntimeError: output with|the `-` operator, with a bool",
        "only PyTorch's backward fails; where the result has a gradient, it is right",
    ),
    (
        "accepted",
        r"(Tensor\.)?(logsumexp|softmax)",
        r"empty",
        r"output with shape",
        "no dimensions are all of them; PyTorch's backward forgets that",
    ),
    (
        "accepted",
        r"operator (<|<=|>|>=|==|!=)",
        r"module\.\w+",
        r"instances of",
        "a dtype is NumPy's own, which compares itself",
    ),
    (
        "accepted",
        r".*",
        r"dtype: .*'",
        r"dtype",
        "a dtype may be given by its name",
    ),
    (
        "accepted",
        r".*",
        r"as float16|module.float16",
        r"(?i)half|Float16",
        "PyTorch's kernel has no float16",
    ),
    ("accepted", r"nn\.(functional\.elu|ELU)", r"alpha: |junk -", "In-place elu", "there is one"),
    (
        "accepted",
        r"(Tensor\.)?logsumexp",
        r"\(\)|\[\]|empty|one too few",
        "output with shape",
        "as for sum",
    ),
    (
        "accepted",
        r"nn\.functional\.(instance|group)_norm|nn\.(Instance|Group)Norm.*|nn\..*[pP]ool.*",
        r"of shape|empty",
        r"",
        "an empty batch gives an empty result",
    ),
    (
        "accepted",
        r"nn\.(functional\.)?(leaky_relu|LeakyReLU)",
        r"negative_slope|1: |junk",
        "In-place leakyReLu",
        "in place x is known by the sign of y only above 0; we keep x",
    ),
    (
        "accepted",
        r"nn\.utils\.clip_grad_value_",
        r"",
        r"nested_tensorlist",
        "without gradients there is nothing to clip; PyTorch's grouping of them fails",
    ),
    ("accepted", r"operator \*\*", r"junk (True|False)", r"INTERNAL ASSERT", "PyTorch's own slip"),
    (
        "accepted",
        r"nn\..*",
        r"module\.tensor\(2\)|module\.(zeros|ones)\(\(\)\)",
        r"len\(\) of|must be bool",
        "a tensor of one number counts as that number",
    ),
    ("accepted", r"Tensor\.(copy_|to)", r"one more|2: ", r"must be bool", "as above"),
    (
        "accepted",
        r"nn\.functional\.pad|nn\.ZeroPad2d",
        r"value: (nan|inf)|junk",
        r"without overflow",
        "NaN and ∞ become some integer, as in every conversion",
    ),
    (
        "accepted",
        r"(Tensor\.)?(var|std|reshape|view|permute|expand|repeat|max|min|flip|roll|any|all|sum|mean)",
        r"",
        r"^TypeError",
        "one Python signature stands for several of PyTorch's overloads: the same, said otherwise",
    ),
    (
        "accepted",
        r"nn\..*",
        r"module\.tensor\(2\)|module\.(zeros|ones)\(\(\)\)",
        r"0-d tensor",
        "a tensor of one number counts as that number",
    ),
    (
        "accepted",
        r"nn\..*|optim\..*|(Tensor\.)?(where|pow|masked_fill|clamp)|operator .*",
        r"1e300|2\*\*31|huge|2\*\*63",
        r"without overflow",
        "an option is a float64, whatever the input's dtype",
    ),
    (
        "accepted",
        r"nn\.functional\.stochastic_depth",
        r"of shape|empty",
        r"can't be cast",
        "of nothing, nothing is dropped",
    ),
    (
        "accepted",
        r"nn\.MaxUnpool2d",
        r"a list",
        r"two elements|out of range",
        "a list of one number stands for both axes, as elsewhere",
    ),
    (
        "accepted",
        r"nn\.(CrossEntropy|NLL)Loss",
        r"as uint8",
        r"Long but found Byte",
        "labels of uint8 are taken everywhere; PyTorch takes them for (N, K) alone",
    ),
    ("accepted", r"nn\.init\.\w+", r"1e300", r"^OverflowError", "slope² is ∞, the gain 0"),
    ("accepted", r"topk", r"np\.bool_", r"must be bool", "a NumPy bool is a bool"),
    ("accepted", r"nn\.functional\.normalize", r"of shape", r"norm on the dim", "of nothing"),
    ("accepted", r"pow", r"junk (True|False)", r"INTERNAL ASSERT", "PyTorch's own slip"),
    ("accepted", r"softmax|log_softmax", r"np\.dtype", r"dtype", "a dtype is NumPy's own"),
    ("accepted", r"Tensor\.to", r"None", r"invalid combination", "None is what was not given"),
    ("accepted", r"nn\.CrossEntropyLoss", r"one dimension more", r"", "a batch of one"),
    ("accepted", r"(Tensor\.)?clamp", r"", "output with shape", "the limits broadcast with x"),
    (
        "accepted",
        r"operator \[\]=",
        r"as uint8",
        "boolean masks",
        "uint8 counts as a mask, as in []",
    ),
    ("accepted", r"nn\.functional\.group_norm", r"without weight", r"have a device", "β alone"),
    ("accepted", r"(as_)?tensor", r"2\*\*63", r"Overflow", "an integer beyond 64 bits is a float"),
    (
        "accepted",
        r"nn\.CrossEntropyLoss",
        r"",
        r"size mismatch",
        "one sample may be a batch of one",
    ),
    ("accepted", r"nn\.(Conv|MaxPool|AvgPool).*", r"one too few|junk \(1,\)", r"", "(k,) is k"),
    ("accepted", r"nn\.functional\.pad", r"module\.", r"must be float", "a tensor of one number"),
    ("accepted", r"einsum", r"as int", r"expected scalar type", "dtypes are brought together"),
    ("accepted", r"Tensor\.to", r"one more", r"invalid combination", "the tensor says the device"),
    ("differs", r"nn\.Conv.*", r"junk \(1,\)", r"result 0", "(1,) is 1; PyTorch pads too little"),
    (
        "differs",
        r"operator (==|!=)",
        r"junk 1j",
        r"",
        "there are no complex numbers to compare with",
    ),
    ("differs", r"einsum", r"special", r"nan", "0 · ∞ in another order of the products"),
    ("differs", r".*", r"np\.bool_", r"result 0 is", "a NumPy bool counts as a bool, not a tensor"),
    ("differs", r"as_tensor", r"memoryview|bytearray", r"uint8", "a buffer keeps its dtype"),
    ("differs", r"nn\.functional\.dropout2d", r"as int", r"result: int", "of nothing"),
    ("differs", r"nn\.\w+Loss", r"one dimension more", r"result 0 is float", "a 0-d target, above"),
    (
        "differs",
        r"nn\.functional\.binary_cross_entropy_with_logits",
        r"as float",
        r"result 0 is float64",
        "a mixed call is float64, as everywhere",
    ),
    (
        "text",
        r"optim\.lr_scheduler\.\w+",
        r"",
        r"",
        "what the schedule is given is called, and fails",
    ),
    ("differs", r"nn\.Identity", r"one more|no arguments", r"result 0 is", "a generator each"),
    (
        "differs",
        r"optim\.RMSprop",
        r"alpha: zero",
        r"nan",
        "centred: g² − g², or what is left of it",
    ),
    ("differs", r"nn\.InstanceNorm2d", r"of shape \(0", r"nan", "statistics of an empty batch"),
    ("differs", r"operator (==|!=)", r"np\.zeros", r"", "PyTorch compares no arrays"),
    ("differs", r"nn\.utils\.clip_grads_with_norm_", r"as uint8", r"result 1", "in float32"),
    ("differs", r"nn\.functional\.bin\w+", r"as float16", r"is float32", "a mixed call"),
    (
        "differs",
        r"nn\.(functional\.interpolate|Upsample)",
        r"",
        r"^gradient",
        "PyTorch's backward of 'nearest' rounds a factor otherwise than its forward",
    ),
    (
        "differs",
        r"(Tensor\.)?pow|operator \*\*",
        r"as int64|junk -0.5",
        r"inf|nan",
        "exponents of −2⁶³, and 0 to a negative power: the slope is infinite",
    ),
    (
        "differs",
        r"nn\.(functional\.)?(normalize|LocalResponseNorm|utils\.clip_grad\w*_)",
        r"huge|1e300|<< 62",
        r"",
        "powers of 10¹³ leave the range of float64 on the way",
    ),
    ("differs", r"(Tensor\.)?((arg)?sort|topk)", r"", r"result [01] is|\[\[?\d", TIES),
    ("differs", r"nn\.(functional\.conv|Conv).*", r"special", r"nan", ZERO_TIMES_INFINITY),
    (
        "differs",
        r"nn\.(functional\.)?(relu6|elu|hardswish|ReLU6|ELU|Hardswish)",
        r"special",
        r"gradient",
        "at NaN; PyTorch's own gradients there differ with the size of the array",
    ),
    (
        "differs",
        r"nn\.(functional\.)?(kl_div|KLDivLoss|layer_norm|LayerNorm|group_norm|GroupNorm|\w+_norm)",
        r"special|empty|of shape .*\b0\b",
        r"gradient|nan",
        "∞ and NaN on the way, in another order; the gradient of nothing is 0, not NaN",
    ),
    (
        "differs",
        r"nn\.(functional\.)?(elu|ELU|gelu|GELU|lp_pool2d|LPPool2d|softplus|Softplus|silu|SiLU)",
        r"special|alpha: inf|float16|inf$",
        r"nan",
        "∞ and NaN: the limit, where a formula of PyTorch's is ∞ − ∞ or 0 · ∞",
    ),
    (
        "differs",
        r"(Tensor\.)?pow_?|operator \*\*",
        r"",
        r"(?s)gradient.*nan",
        "the slope of x⁰ is 0, also at ∞ and NaN",
    ),
    (
        "differs",
        r"operator (==|!=)|nn\.Identity",
        r"module\.\w+|dtype",
        r"is (True|False|dtype)",
        "a dtype is NumPy's own",
    ),
    (
        "differs",
        r"(Tensor\.)?pow_?|operator (\*\*|%)|(Tensor\.)?remainder",
        r"special|inf",
        r"nan",
        "powers of −∞, and remainders by ∞, as in C",
    ),
    (
        "differs",
        r"(Tensor\.)?(add|sub)_?",
        r"alpha: inf",
        r"nan",
        "α = ∞: the slope is ∞ · δ, in one product or two",
    ),
    (
        "differs",
        r"nn\.(functional\.)?(SmoothL1Loss|MSELoss|L1Loss|smooth_l1_loss|mse_loss|l1_loss)",
        r"of shape \(\)|one dimension less|junk module",
        r"result 0 is float",
        "a 0-d target has no say in the dtype, as everywhere; PyTorch stretches it first",
    ),
    (
        "differs",
        r"nn\.BCEWithLogitsLoss",
        r"as float32",
        r"is float64",
        "a mixed call is float64, as everywhere; PyTorch writes into (1 − target), a float32",
    ),
    (
        "differs",
        r"(Tensor\.)?(var|std)",
        r"\(\)|\[\]",
        r"gradient",
        "dim=() is all dimensions, for PyTorch's forward but not its backward: n times too much",
    ),
    (
        "differs",
        r"(Tensor\.)?prod",
        r"special",
        r"gradient",
        "the product of the others; PyTorch divides, also by ∞ and where digits are lost",
    ),
    (
        "differs",
        r"(Tensor\.)?(std|var)",
        r"everywhere|of shape",
        r"gradient",
        "of equal numbers: 0 / 0, or what rounding made of it",
    ),
    ("differs", r"nn\.(functional\.elu|ELU)", r"alpha: (nan|inf)|junk", r"nan", "0 · ∞, 0 · NaN"),
    (
        "differs",
        r"add|sub|mul|div|maximum|minimum|where",
        r"junk (np\.)?(bool_|float|int|True|False|-?\d)",
        r"result 0 is",
        "two numbers, of which PyTorch's functions take none as a tensor",
    ),
    (
        "differs",
        r"nn\.init\.trunc_normal_",
        r"huge",
        r"distributions",
        "nothing is left of [a, b] between floats of this size",
    ),
    (
        "differs",
        r"nn\.(functional\.)?(normalize|interpolate|Upsample)",
        r"special",
        r"result|gradient",
        "numbers of 10³⁰⁰ beside others: what is left of a difference is rounding",
    ),
    (
        "differs",
        r"nn\.utils\.clip_grads_with_norm_",
        r"as float",
        r"result 1",
        "a norm in float32 has seven digits",
    ),
    ("differs", r"nn\.BCEWithLogitsLoss", r"as float16", r"is float64", "as with float32, above"),
    ("differs", r"nn\.Identity", r"junk", r"result 0 is", "each library's own, or a new generator"),
    ("differs", r"arange", r"np\.bool_", r"result 0 is", "a NumPy bool counts as an integer"),
    ("differs", r"tensor", r"memoryview|bytearray|b'abc'", r"uint8", "a buffer keeps its dtype"),
    (
        "differs",
        r"(Tensor\.)?remainder|operator %",
        r"5e-324",
        r"nan",
        "x modulo a denormal number",
    ),
    (
        "differs",
        r"Tensor\.(is_contiguous|retain_grad|is_leaf|data)",
        r"",
        r"is (True|False)",
        LAYOUT,
    ),
    (
        "differs",
        r"nn\.functional\.(dropout.*|stochastic_depth)",
        r"special|memory|overlap|of shape|everywhere|float16",
        r"mask|gradient|result",
        "which places are dropped is random: the comparison finds them by values that are not 0",
    ),
    (
        "differs",
        r"nn\.(functional\.binary_cross_entropy_with_logits|BCEWithLogitsLoss)",
        r"special",
        r"nan|inf|e\+",
        "targets are probabilities; for infinite ones PyTorch's and our formula differ in ∞ − ∞",
    ),
    (
        "text",
        r"nn\.init\.(kaiming|xavier|sparse|trunc).*",
        r"",
        r"(uniform|normal)_: this tensor",
        "the distribution that it draws from is named",
    ),
    (
        "text",
        r"einsum",
        r"",
        r"matmul: |mul: |reshape: |permute: ",
        "the step that could not be done is named: a sum of products is made of such steps",
    ),
    ("text", r"nn\..*[nN]orm.*", r"", r"running statistics: ", "what cannot be changed is named"),
    (
        "text",
        r"rand|randn|randint",
        r"requires_grad",
        r"numpy: this tensor requires",
        "the test wants its numbers",
    ),
    ("text", r"optim\.\w+", r"", r"grad: a gradient has", "the test gives it a gradient"),
    (
        "text",
        r"operator \[\]",
        r"^0",
        r"a tensor of",
        "Python's own list asks the tensor for a number",
    ),
    (
        "text",
        r".*",
        r"",
        r"the truth of a tensor",
        "an option is what Python calls true; a tensor of several numbers says that it is neither",
    ),
    (
        "text",
        r".*",
        r"",
        r"MemoryError: Unable to allocate",
        "no memory: NumPy's error, which names the shape and the bytes",
    ),
)


def excepted(kind, name, what, found):
    """Whether one of the exceptions is this: of parity's, or of ours."""
    name = name.split(" (")[0]
    parts = what.split(", then ")
    for known, names, whats, _ in KNOWN:
        if kind == known and re.fullmatch(names, name) and any(re.search(whats, p) for p in parts):
            return True
    return any(
        kind == known
        and re.fullmatch(names, name)
        and any(re.search(whats, p) for p in parts)
        and re.search(founds, found)
        for known, names, whats, founds, _ in EXCEPTIONS
    )
