"""Was this text, or this model, made independently of ours? Each test has one null, in plain words."""
