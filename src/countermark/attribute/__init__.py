"""Was this text, or this model, made independently of ours? Each test under one null, stated in plain words."""
