"""Functions that are called around a module's forward, and before and after its backward.

One call of a module runs, in this order: the hooks before forward, `forward` itself, the hooks
after it. Where there are hooks on backward, the inputs and outputs pass through boundaries on the
way (see ``backward_hooks.py``): after the first hooks and before the last results are returned.
"""

import warnings
from typing import NamedTuple

from minicnn.checks import DtypeError
from minicnn.modes import is_grad_enabled
from minicnn.nn.backward_hooks import between_boundaries


class Hook(NamedTuple):
    """A function, and how it wants to be called."""

    function: object
    with_kwargs: bool = False
    always_call: bool = False


class HookHandle:
    """What registering a hook returns; `remove` takes the hook away.

    As a context manager, ``with layer.register_forward_hook(hook):``, it does so at the end.
    """

    def __init__(self, hooks):
        self._hooks = hooks

    def remove(self):
        self._hooks.pop(self, None)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.remove()


def register(hooks, hook, prepend):
    """Add a `Hook` to a dictionary of them, behind the others or before them; its handle."""
    handle = HookHandle(hooks)
    before = list(hooks.items()) if prepend else []
    hooks[handle] = hook
    for earlier, other in before:  # to the end again, behind the new one
        del hooks[earlier]
        hooks[earlier] = other
    return handle


def call_with_hooks(module, inputs, options):
    """``module.forward(*inputs, **options)`` with everything that is registered around it."""
    call = _Call(module, inputs, options)
    try:
        call.run_hooks_before()
        if is_grad_enabled() and (module._backward_hooks or module._backward_pre_hooks):
            return between_boundaries(module, call.inputs, call.forward)
        return call.forward(call.inputs)
    except Exception:
        call.run_hooks_left()
        raise


class _Call:
    """One call of a module: what goes in, what has come out so far, and which hooks ran."""

    def __init__(self, module, inputs, options):
        self.module, self.inputs, self.options = module, inputs, options
        self.output, self.ran = None, []

    def run_hooks_before(self):
        for hook in list(self.module._forward_pre_hooks.values()):
            if hook.with_kwargs:
                changed = hook.function(self.module, self.inputs, self.options)
                if changed is None:
                    continue
                if not isinstance(changed, tuple) or len(changed) != 2:
                    raise DtypeError(
                        f"register_forward_pre_hook: a hook on {type(self.module).__name__} with "
                        "with_kwargs=True must return None or a pair (args, kwargs); it returned "
                        f"{changed!r}"
                    )
                self.inputs, self.options = changed
            else:
                changed = hook.function(self.module, self.inputs)
                if changed is not None:
                    self.inputs = changed if isinstance(changed, tuple) else (changed,)

    def forward(self, inputs):
        """`forward` and the hooks after it."""
        self.inputs = inputs
        self.output = self.module.forward(*inputs, **self.options)
        for handle, hook in list(self.module._forward_hooks.items()):
            self.ran.append(handle)
            self._run(hook)
        return self.output

    def _run(self, hook):
        options = (self.options,) if hook.with_kwargs else ()
        changed = hook.function(self.module, self.inputs, *options, self.output)
        if changed is not None:
            self.output = changed

    def run_hooks_left(self):
        """After an error: the hooks with ``always_call`` that did not run yet."""
        for handle, hook in list(self.module._forward_hooks.items()):
            if hook.always_call and handle not in self.ran:
                try:
                    self._run(hook)
                except Exception as error:
                    warnings.warn(
                        "register_forward_hook: a hook with always_call=True failed after forward "
                        f"had failed; its error is not raised: {error}",
                        stacklevel=3,
                    )
