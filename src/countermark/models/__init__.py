"""Local language models as data: safetensors only, read lazily; no code of a checkpoint is ever run."""
