"""Generation with our own scheme: a sampler on NumPy, integers for torch, a processor for transformers.

Only the two torch modules import torch.
"""
