"""Table 2 of Kim & Kim (2024)."""

from __future__ import annotations

TABLE_2 = {
    "fan": {
        "id_00": (285, 794, 339),
        "id_02": (276, 769, 330),
        "id_04": (278, 773, 330),
        "id_06": (277, 770, 329),
    },
    "pump": {
        "id_00": (231, 643, 275),
        "id_02": (225, 624, 267),
        "id_04": (162, 448, 192),
        "id_06": (229, 637, 272),
    },
    "slider": {
        "id_00": (287, 797, 340),
        "id_02": (268, 747, 320),
        "id_04": (144, 398, 170),
        "id_06": (126, 348, 149),
    },
}
"""Machine -> ID -> clips that train the DDAE, train the detectors and test them."""
