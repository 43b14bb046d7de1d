"""Plans of configurations, as rules have them."""

from __future__ import annotations

import copy
from typing import Any

from asd.plan import Plan, configuration
from places import REPOSITORY


def plan_of(config: dict[str, Any]) -> Plan:
    """The plan of a configuration with defaults; what is given is not changed."""
    schemas = REPOSITORY / "workflow" / "schemas"
    checked = configuration.checked(copy.deepcopy(config), command_line={}, files=[], schema_folder=schemas)
    return Plan.from_config(checked.config, checked.samples or ())
