"""Products of square Gaussian matrices at infinite width: the law, its moments and its rank."""

import lazy_loader

# SciPy's distributions take half a second to import, so these wait for their first use.
__getattr__, __dir__, _ = lazy_loader.attach(
    __name__, submodules={"tracy_widom"}, submod_attrs={"fuss_catalan": ["singular_value_law"]}
)
