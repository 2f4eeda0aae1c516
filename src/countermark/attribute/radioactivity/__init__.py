"""Is this *model* independent of our keys, judged by what it writes or by its next-token probabilities?

Sander et al. 2024, "Watermarking makes language models radioactive": a model made from marked text leans
towards the marked choices. All of it is written anew here from the published statistics, and tightened: no
window counts that the examination itself showed to the suspect, each distinct pair is one score, and
weights come from an unmarked reference model.
"""

from countermark.attribute.radioactivity.attributor import Radioactivity
from countermark.attribute.radioactivity.options import Options

__all__ = ["Options", "Radioactivity"]
