"""Allure results written from the events of a run; nothing else in sgprobe knows Allure."""
