#!/usr/bin/env python3
"""Begins the demo: reads a JSON report and says what vanished, behind what, and whose turn it is."""

import json
import sys

GONE = ("switch-fault", "devices-offline-together", "device-offline")

report = json.load(sys.stdin)
gone = [finding for finding in report["findings"] if finding["kind"] in GONE]
if not gone:
    sys.exit("The sample shows no device that went dark: something is broken.")
most = max(gone, key=lambda finding: len(finding["devices"]))
print(most["summary"])
