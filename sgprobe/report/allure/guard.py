"""Keeps allure-pytest from writing a second result for an item that sgprobe reports itself."""

from __future__ import annotations

from typing import Any

import allure_commons
from allure_commons.logger import AllureFileLogger

hookimpl = allure_commons.hookimpl


class Guard:
    """Stands between allure-pytest and its files; while `quiet`, nothing passes.

    Plain Python tests in the same session keep the results that allure-pytest writes of them.
    """

    def __init__(self, logger: Any) -> None:
        self._logger = logger
        self._dropped: set[str] = set()
        self.quiet = False

    @hookimpl
    def report_result(self, result: Any) -> None:
        """Let a result pass, or remember that it was dropped."""
        if self.quiet:
            self._dropped.add(result.uuid)
        else:
            self._logger.report_result(result)

    @hookimpl
    def report_container(self, container: Any) -> None:
        """Let the fixtures of results pass that were written."""
        container.children = [one for one in container.children if one not in self._dropped]
        if container.children:
            self._logger.report_container(container)

    @hookimpl
    def report_attached_file(self, source: Any, file_name: Any) -> None:
        """Let an attachment pass."""
        if not self.quiet:
            self._logger.report_attached_file(source, file_name)

    @hookimpl
    def report_attached_data(self, body: Any, file_name: Any) -> None:
        """Let an attachment pass."""
        if not self.quiet:
            self._logger.report_attached_data(body, file_name)

    @hookimpl
    def report_globals(self, globals_item: Any) -> None:
        """Let what belongs to no item pass."""
        self._logger.report_globals(globals_item)

    def remove(self) -> None:
        """Give the files back to allure-pytest, which takes its logger away itself at the end."""
        manager = allure_commons.plugin_manager
        if manager.is_registered(self):
            manager.unregister(self)
            manager.register(self._logger)


def install() -> Guard | None:
    """Take the place of allure-pytest's logger; None where `--alluredir` was not given."""
    manager = allure_commons.plugin_manager
    for plugin in list(manager.get_plugins()):
        if isinstance(plugin, AllureFileLogger):
            manager.unregister(plugin)
            guard = Guard(plugin)
            manager.register(guard)
            return guard
    return None
