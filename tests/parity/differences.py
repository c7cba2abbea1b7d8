"""Where signatures differ from PyTorch's, and why. `test_signatures.py` holds this to the truth."""

# Parameters of PyTorch's that are left out wherever minicnn's functions do not have them.
LEFT_OUT = {
    "out": "results are new tensors; x[...] = f(y) or copy_ writes them into memory that is there",
    "layout": "tensors are dense: torch.strided is the only layout",
    "memory_format": "maps are stored as (N, C, H, W); there is no channels-last layout to choose",
    "pin_memory": "x.pin_memory() makes a pinned tensor of another; functions make none at once",
}

# PyTorch uses the name for something else altogether.
OTHER_THINGS = {
    "trace": "PyTorch's is the sum of a matrix's diagonal, minicnn's records a run to step through",
}

# The reason, the name, and what distinguishes it from PyTorch's.
DIFFERENCES = {
    "workers may be threads too, which share the data set and need no pickling": {
        "data.DataLoader": ("adds workers",),
    },
    "in-place methods hand their arguments on to the function they are named after": {
        "Tensor.add_": ("hands on what it is given",),
        "Tensor.sub_": ("hands on what it is given",),
        "Tensor.mul_": ("hands on what it is given",),
        "Tensor.div_": ("hands on what it is given",),
        "Tensor.floor_divide_": ("hands on what it is given",),
        "Tensor.remainder_": ("hands on what it is given",),
        "Tensor.pow_": ("hands on what it is given",),
        "Tensor.neg_": ("hands on what it is given",),
        "Tensor.abs_": ("hands on what it is given",),
        "Tensor.sign_": ("hands on what it is given",),
        "Tensor.exp_": ("hands on what it is given",),
        "Tensor.log_": ("hands on what it is given",),
        "Tensor.sqrt_": ("hands on what it is given",),
        "Tensor.square_": ("hands on what it is given",),
        "Tensor.sin_": ("hands on what it is given",),
        "Tensor.cos_": ("hands on what it is given",),
        "Tensor.tanh_": ("hands on what it is given",),
        "Tensor.sigmoid_": ("hands on what it is given",),
        "Tensor.relu_": ("hands on what it is given",),
        "Tensor.clamp_": ("hands on what it is given",),
        "Tensor.masked_fill_": ("hands on what it is given",),
        "Tensor.cumsum_": ("hands on what it is given",),
        "Tensor.bitwise_and_": ("hands on what it is given",),
        "Tensor.bitwise_or_": ("hands on what it is given",),
        "Tensor.bitwise_xor_": ("hands on what it is given",),
        "Tensor.bitwise_not_": ("hands on what it is given",),
    },
    "sizes may also be given by keyword, as PyTorch's documentation and api.md spell it": {
        "Tensor.reshape": ("adds shape",),
        "Tensor.view": ("adds size",),
        "Tensor.permute": ("adds dims",),
        "Tensor.expand": ("adds size",),
        "empty": ("adds size",),
        "ones": ("adds size",),
        "rand": ("adds size",),
        "randn": ("adds size",),
        "zeros": ("adds size",),
    },
    "takes the numbers one by one too, as PyTorch's method of that name does": {
        "Tensor.flip": (
            "adds *arguments",
            "dims is None, not required",
            "dims is keyword, not positional",
        ),
        "flip": (
            "adds *arguments",
            "dims is None, not required",
            "dims is keyword, not positional",
        ),
        "permute": (
            "adds *arguments",
            "dims is None, not required",
            "dims is keyword, not positional",
        ),
        "reshape": (
            "adds *arguments",
            "shape is None, not required",
            "shape is keyword, not positional",
        ),
    },
    "one Python signature stands for several of PyTorch's overloads": {
        "Tensor.max": ("adds other",),
        "Tensor.min": ("adds other",),
        "Tensor.var": (
            "adds correction",
            "unbiased is None, not True",
        ),
        "Tensor.std": (
            "adds correction",
            "unbiased is None, not True",
        ),
        "Tensor.sort": ("adds stable",),
        "Tensor.argsort": ("adds stable",),
        "Tensor.where": ("lacks input",),
        "arange": (
            "start is None, not 0",
            "end is None, not required",
        ),
        "max": ("adds other",),
        "min": ("adds other",),
        "randint": (
            "low is None, not 0",
            "high is None, not required",
            "size is None, not required",
        ),
        "std": (
            "adds correction",
            "unbiased is None, not True",
        ),
        "var": (
            "adds correction",
            "unbiased is None, not True",
        ),
    },
    "the function, whose signature this method shares, makes it optional": {
        "Tensor.roll": ("dims is None, not required",),
    },
    "None stands for the default that PyTorch's documentation names": {
        "randperm": ("dtype is None, not 'torch.int64'",),
    },
    "files hold safetensors, not pickles: there is nothing to unpickle or to compress": {
        "load": (
            "lacks **arguments",
            "lacks pickle_module",
        ),
        "save": (
            "lacks pickle_module",
            "lacks pickle_protocol",
            "lacks _use_new_zipfile_serialization",
            "lacks _disable_byteorder_record",
        ),
    },
    "a generator is made with its seed; PyTorch's is made for a device, and seeded afterwards": {
        "Generator": ("not comparable",),
    },
    "Tensor is made of a NumPy array; mc.tensor is the constructor for everything else": {
        "Tensor": ("not comparable",),
    },
    "PyTorch states no names of parameters for it": {
        "set_num_threads": ("not comparable",),
        "device": ("not comparable",),
        "autograd.Function.forward": ("not comparable",),
    },
    "gradcheck checks first-order gradients by backward only, and has options of its own": {
        "gradcheck": (
            "lacks check_undefined_grad",
            "lacks check_grad_dtypes",
            "lacks check_batched_grad",
            "lacks check_batched_forward_grad",
            "lacks check_forward_ad",
            "lacks check_backward_ad",
            "lacks masked",
            "adds whole_jacobian",
            "adds allow_float32",
            "adds ties",
            "adds window",
            "adds generator",
            "eps is None, not 1e-06",
            "atol is None, not 1e-05",
            "rtol is None, not 0.001",
        ),
    },
    "names dtype and device, where PyTorch hands on what it is given": {
        "Tensor.to": ("adds *arguments",),
        "nn.Module.to": (
            "lacks **arguments",
            "adds dtype",
            "adds device",
            "adds non_blocking",
        ),
    },
    "these constructors take no arguments; PyTorch's accept any and then refuse them": {
        "nn.Module": (
            "lacks *arguments",
            "lacks **arguments",
        ),
        "nn.Sigmoid": (
            "lacks *arguments",
            "lacks **arguments",
        ),
        "nn.Tanh": (
            "lacks *arguments",
            "lacks **arguments",
        ),
    },
    "PyTorch's base class declares *args; a subclass of Function declares its own": {
        "autograd.Function": (
            "lacks *arguments",
            "lacks **arguments",
        ),
        "autograd.Function.backward": ("lacks ctx",),
    },
    "may stand above a function without brackets, as PyTorch's, whose __init__ hides it": {
        "no_grad": ("adds orig_func",),
    },
}
