"""Scapy packets generated from the spec tables, and the session that makes them of captures.

This is the only room that imports Scapy, and nothing that reads captures in bulk imports this room:
`import dissectors.layers.workbench` costs half a second.
"""
