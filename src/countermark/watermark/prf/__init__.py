"""Keyed functions of contexts and tokens, ours and the engines', as compiled kernels over arrays."""
