"""The simulated IPA: polls eIMs, drives the eUICC, downloads, notifies, recovers."""
