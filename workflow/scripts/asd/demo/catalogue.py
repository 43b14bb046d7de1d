FAULTS = {"fan": 1, "pump": 1, "slider": 1}
