"""Amazon's words about reports."""

from __future__ import annotations

from enum import StrEnum


class ReportFrequency(StrEnum):
    """How often Amazon makes a scheduled report, as ISO 8601 periods (amazon-pay-cv2.md §3.12)."""

    PT5M = "PT5M"
    PT15M = "PT15M"
    PT30M = "PT30M"
    PT1H = "PT1H"
    PT2H = "PT2H"
    PT4H = "PT4H"
    PT8H = "PT8H"
    PT12H = "PT12H"
    PT24H = "PT24H"
    PT84H = "PT84H"
    P1D = "P1D"
    P2D = "P2D"
    P3D = "P3D"
    P7D = "P7D"
    P14D = "P14D"
    P15D = "P15D"
    P18D = "P18D"
    P30D = "P30D"
