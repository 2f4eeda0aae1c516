"""Sequential monitoring: is what a suspect answers, batch after batch, independent of a key? One may look any
time.

Null, for each key: the suspect's answers are independent of this key. The e-process of a key (`process`)
multiplies a bet for every new pair of context and token; a pair counts once over all batches. Members
announce before looking (`announce`), and their e-values are joined into one figure that names nobody
(`joint`).
"""
