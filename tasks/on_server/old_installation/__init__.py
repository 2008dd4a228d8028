"""Readers for what an old installation consists of: archive, dump, tree (P33, P36).

All of it comes from outside and may be hostile. Runs on servers as a user without rights, as one zipped file of its
own: standard library only. What can't be taken is a `Refusal` with a code; its sentences stand in
`hosting/policy/import_rules.py`.
"""
