"""Probe of a suspect endpoint: prompts go out, every request and answer is kept, transcripts come back.

A run is a journal that only grows (`journal`): what was asked is on the disk before it is sent, what came
back before anything is made of it. Transcripts are a function of the journal (`transcribe`), so that a killed
run goes on without asking twice. Around that: `prompts` in, `bodies` of requests, `http` or `local` to send
them, `pace` and `budget` to hold them back, `answers` and `judge` to read what came, `asking` and `run` to
join these.
"""
