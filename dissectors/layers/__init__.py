"""Scapy packets generated from the tables; they build and dissect."""
